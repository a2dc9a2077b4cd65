#include "zebu/program/json_input.h"

#include "zebu/convert.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdint>
#include <vector>

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
    return is_json || is_refused() ? why_ : std::nullopt;
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
  bool end_object() { return leave(); }
  bool end_array() { return leave(); }
  // A number beyond the range of floating-point numbers is an error to the parser, which does not read on.
  bool parse_error(std::size_t, const std::string& token, const nlohmann::detail::exception& e) {
    constexpr int kOverflow = 406;
    is_overflow_ = e.id == kOverflow && (depth_ > 0 || token == text_);
    if (is_overflow_ && !why_) why_ = does_not_fit(token);
    return false;
  }

 protected:
  bool enter() {
    is_too_deep_ = ++depth_ > max_depth_;
    if (is_too_deep_) why_ = why_too_deep_;
    return !is_too_deep_;
  }
  bool leave() { return depth_-- > 0; }
  [[nodiscard]] const std::optional<std::string>& why() const { return why_; }
  // The text is refused for what it says, whether the rest of it is JSON or not.
  [[nodiscard]] bool is_refused() const { return is_too_deep_ || is_overflow_; }

 private:
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

// The text of the msgpack str at the beginning of `bytes`.
std::string_view text_at(std::string_view bytes) {
  const auto first = static_cast<std::uint8_t>(bytes[0]);
  const std::size_t width = first == 0xd9 ? 1 : first == 0xda ? 2 : first == 0xdb ? 4 : 0;
  std::size_t size = width == 0 ? first & 0x1fU : 0;
  for (std::size_t i = 1; i <= width; ++i) size = size << 8 | static_cast<std::uint8_t>(bytes[i]);
  return bytes.substr(1 + width, size);
}

// Writes msgpack while nlohmann/json reads. How many elements a container has is known at its end only: there its first
// byte gets the count, or, if it has more than 15 elements, is replaced, which moves the rest of the container.
class Conversion : public Check {
 public:
  using Check::Check;

  [[nodiscard]] Result<std::string> run(std::string_view text, const char* place) {
    const bool is_json = Json::sax_parse(text.begin(), text.end(), this);
    if (why() && (is_json || is_refused())) return fail(ErrorCode::bad_value, *why());
    if (is_json) return std::move(bytes_);
    return fail(ErrorCode::bad_value, "malformed JSON at byte " + std::to_string(bad_byte_) + " of " + place);
  }

  // What nlohmann/json calls.
  bool null() {
    return add([&] { packer_.pack_nil(); });
  }
  bool boolean(bool value) {
    return add([&] { packer_.pack(value); });
  }
  bool number_integer(Json::number_integer_t number) {
    return add([&] { packer_.pack(std::int64_t{number}); });
  }
  bool number_unsigned(Json::number_unsigned_t number) {
    return add([&] { packer_.pack(std::uint64_t{number}); });
  }
  bool number_float(Json::number_float_t number, const std::string& token) {
    return Check::number_float(number, token) && add([&] { packer_.pack(number); });
  }
  bool string(std::string& text) {
    return add([&] { pack_text(text, packer_); });
  }
  bool key(std::string& text) {
    keys_.push_back(bytes_.size());
    pack_text(text, packer_);
    return true;
  }
  bool start_object(std::size_t) { return open(); }
  bool start_array(std::size_t) { return open(); }
  bool end_object() {
    const Open object = close();
    std::size_t count = keys_.size() - object.keys;
    if (!is_in_order(object)) count = put_in_order(object);
    keys_.resize(object.keys);
    write_head(object.start, count, 0x80, 0xde);
    return leave();
  }
  bool end_array() {
    const Open array = close();
    write_head(array.start, array.count, 0x90, 0xdc);
    return leave();
  }
  bool parse_error(std::size_t byte, const std::string& token, const nlohmann::detail::exception& e) {
    bad_byte_ = byte;
    return Check::parse_error(byte, token, e);
  }

 private:
  // A container whose end has not been read.
  struct Open {
    std::size_t start;  // its place in bytes_
    std::size_t count;  // its elements so far
    std::size_t keys;   // its first place in keys_
  };

  template <class Pack>
  bool add(Pack&& pack) {
    if (!open_.empty()) ++open_.back().count;
    pack();
    return true;
  }
  bool open() {
    if (!open_.empty()) ++open_.back().count;
    open_.push_back({bytes_.size(), 0, keys_.size()});
    bytes_ += '\0';
    return enter();
  }
  Open close() {
    const Open container = open_.back();
    open_.pop_back();
    return container;
  }

  [[nodiscard]] std::string_view key_at(std::size_t place) const {
    return text_at(std::string_view(bytes_).substr(keys_[place]));
  }
  [[nodiscard]] bool is_in_order(const Open& object) const {
    for (std::size_t i = object.keys + 1; i < keys_.size(); ++i) {
      if (key_at(i - 1) >= key_at(i)) return false;
    }
    return true;
  }
  // Returns how many entries are left.
  std::size_t put_in_order(const Open& object) {
    std::vector<std::pair<std::string_view, std::string_view>> entries;  // key, and the entry's bytes
    for (std::size_t i = object.keys; i < keys_.size(); ++i) {
      const std::size_t end = i + 1 < keys_.size() ? keys_[i + 1] : bytes_.size();
      entries.emplace_back(key_at(i), std::string_view(bytes_).substr(keys_[i], end - keys_[i]));
    }
    std::stable_sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    std::string sorted;
    std::size_t count = 0;
    for (std::size_t i = 0; i < entries.size(); ++i) {
      if (i + 1 < entries.size() && entries[i].first == entries[i + 1].first) continue;
      sorted += entries[i].second;
      ++count;
    }
    bytes_.replace(object.start + 1, std::string::npos, sorted);
    return count;
  }

  // few, many: the first bytes of a container of up to 15 elements and of one of up to 65,535; the next one is that of
  // larger ones.
  void write_head(std::size_t start, std::size_t count, unsigned few, unsigned many) {
    if (count <= 15) {
      bytes_[start] = static_cast<char>(few | count);
      return;
    }
    const std::size_t width = count <= 0xffff ? 2 : 4;
    std::string head(1, static_cast<char>(width == 2 ? many : many + 1));
    for (std::size_t i = width; i > 0; --i) head += static_cast<char>(count >> 8 * (i - 1) & 0xff);
    bytes_.replace(start, 1, head);
  }

  std::string bytes_;
  convert_detail::Sink sink_{bytes_};
  Packer packer_{sink_};
  std::vector<Open> open_;
  std::vector<std::size_t> keys_;  // where the entries of the open objects begin
  std::size_t bad_byte_ = 0;
};

}  // namespace

Result<std::string> msgpack_from_json(std::string_view text, const JsonLimits& limits) {
  return Conversion(text, limits.max_depth, limits.too_deep).run(text, limits.place);
}

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
