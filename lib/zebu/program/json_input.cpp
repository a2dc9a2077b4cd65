#include "zebu/program/json_input.h"

#include "zebu/convert.h"

#include <nlohmann/json.hpp>

#include <cstdint>

namespace zebu {
namespace {

using Json = nlohmann::json;
using Packer = msgpack::packer<convert_detail::Sink>;

constexpr std::size_t kShownDigits = 40;

std::string does_not_fit(const std::string& number) {
  const std::string shown = number.size() <= kShownDigits ? number : number.substr(0, kShownDigits) + "…";
  if (number.find_first_of(".eE") != std::string::npos) return "the number " + shown + " is too large";
  return "the integer " + shown + " does not fit 64 bits: the range is -9223372036854775808 to 18446744073709551615";
}

// Reads JSON without keeping it. A number that does not fit is remembered, and counts only if all of the text is JSON.
class Check {
 public:
  Check(std::string_view text, int max_depth, const char* too_deep)
      : text_(text), max_depth_(max_depth), why_too_deep_(too_deep) {}

  [[nodiscard]] std::optional<std::string> why_bad() {
    const bool is_json = Json::sax_parse(text_.begin(), text_.end(), this);
    return is_json || is_too_deep_ || is_overflow_ ? why_ : std::nullopt;
  }

  // What nlohmann/json calls.
  bool null() { return true; }
  bool boolean(bool) { return true; }
  bool number_integer(Json::number_integer_t) { return true; }
  bool number_unsigned(Json::number_unsigned_t) { return true; }
  bool number_float(Json::number_float_t, const std::string& token) {
    if (!why_ && token.find_first_of(".eE") == std::string::npos) why_ = does_not_fit(token);
    return true;
  }
  bool string(std::string&) { return true; }
  bool binary(Json::binary_t&) { return true; }
  bool key(std::string&) { return true; }
  bool start_object(std::size_t) { return enter(); }
  bool start_array(std::size_t) { return enter(); }
  bool end_object() { return depth_-- > 0; }
  bool end_array() { return depth_-- > 0; }
  // A number beyond the range of floating-point numbers is an error to the parser, which does not read on.
  bool parse_error(std::size_t, const std::string& token, const nlohmann::detail::exception& e) {
    constexpr int kOverflow = 406;
    is_overflow_ = e.id == kOverflow && (depth_ > 0 || token == text_);
    if (is_overflow_ && !why_) why_ = does_not_fit(token);
    return false;
  }

 private:
  bool enter() {
    is_too_deep_ = ++depth_ > max_depth_;
    if (is_too_deep_) why_ = why_too_deep_;
    return !is_too_deep_;
  }

  std::string_view text_;
  int max_depth_;
  const char* why_too_deep_;
  int depth_ = 0;
  bool is_too_deep_ = false;
  bool is_overflow_ = false;
  std::optional<std::string> why_;
};

void pack_text(const std::string& text, Packer& to) {
  to.pack_str(static_cast<std::uint32_t>(text.size()));
  to.pack_str_body(text.data(), static_cast<std::uint32_t>(text.size()));
}

void pack_binary(const Json::binary_t& bytes, Packer& to) {
  to.pack_bin(static_cast<std::uint32_t>(bytes.size()));
  to.pack_bin_body(reinterpret_cast<const char*>(bytes.data()), static_cast<std::uint32_t>(bytes.size()));
}

void pack(const Json& value, Packer& to) {
  switch (value.type()) {
    case Json::value_t::boolean:
      to.pack(value.get<bool>());
      break;
    case Json::value_t::number_integer:
      to.pack(value.get<std::int64_t>());
      break;
    case Json::value_t::number_unsigned:
      to.pack(value.get<std::uint64_t>());
      break;
    case Json::value_t::number_float:
      to.pack(value.get<double>());
      break;
    case Json::value_t::string:
      pack_text(value.get_ref<const std::string&>(), to);
      break;
    case Json::value_t::binary:
      pack_binary(value.get_binary(), to);
      break;
    case Json::value_t::array:
      to.pack_array(static_cast<std::uint32_t>(value.size()));
      for (const Json& element : value) pack(element, to);
      break;
    case Json::value_t::object:
      to.pack_map(static_cast<std::uint32_t>(value.size()));
      for (const auto& [key, element] : value.items()) {
        pack_text(key, to);
        pack(element, to);
      }
      break;
    default:
      to.pack_nil();
  }
}

}  // namespace

std::optional<std::string> why_bad_json(std::string_view text, int max_depth, const char* too_deep) {
  return Check(text, max_depth, too_deep).why_bad();
}

std::string msgpack_of(const Json& value) {
  std::string bytes;
  convert_detail::Sink sink{bytes};
  Packer packer(sink);
  pack(value, packer);
  return bytes;
}

}  // namespace zebu
