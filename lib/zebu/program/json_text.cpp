#include "zebu/program/json_text.h"

#include "zebu/convert.h"
#include "zebu/utf8.h"

#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <vector>

namespace zebu {
namespace {

constexpr int kMaxDepth = 128;
// A key that is not a string becomes one, so the quotes of a key within a key are escaped twice as long each time.
constexpr std::size_t kMaxKeysInKeys = 4;

void append_base64(std::string& to, std::string_view bytes) {
  static constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const auto at = [&](std::size_t k) { return k < bytes.size() ? static_cast<unsigned char>(bytes[k]) : 0U; };
    const unsigned group = at(i) << 16 | at(i + 1) << 8 | at(i + 2);
    to += kDigits[group >> 18];
    to += kDigits[group >> 12 & 63];
    to += i + 1 < bytes.size() ? kDigits[group >> 6 & 63] : '=';
    to += i + 2 < bytes.size() ? kDigits[group & 63] : '=';
  }
}

void append_binary(std::string& to, std::string_view bytes) {
  to += R"({"$binary":")";
  append_base64(to, bytes);
  to += R"("})";
}

template <class Number>
void append_number(std::string& to, Number number) {
  std::array<char, 32> text{};
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), number);
  to.append(text.data(), end);
}

void append_float(std::string& to, double number) {
  if (!std::isfinite(number)) {
    to += "null";
    return;
  }
  const std::size_t start = to.size();
  append_number(to, number);
  // 2.0 must remain a floating-point number for the reader.
  if (to.find_first_of(".e", start) == std::string::npos) to += ".0";
}

bool is_plain(char c) { return static_cast<unsigned char>(c) >= 0x20 && c != '"' && c != '\\'; }

void append_escaped(std::string& to, char c) {
  static constexpr std::string_view kEscaped = "\"\\\b\f\n\r\t";
  static constexpr std::string_view kNames = "\"\\bfnrt";
  static constexpr char kDigits[] = "0123456789abcdef";
  const std::size_t named = kEscaped.find(c);
  to += '\\';
  if (named != std::string_view::npos) {
    to += kNames[named];
  } else {
    to += "u00";
    to += kDigits[static_cast<unsigned char>(c) >> 4];
    to += kDigits[static_cast<unsigned char>(c) & 15];
  }
}

// Writes JSON while msgpack-c reads, which calls the functions below. Nothing recurses, and nothing is kept of what was
// written. A function that returns false ends the reading.
class JsonWriter : public msgpack::null_visitor {
 public:
  explicit JsonWriter(std::string& to) : to_(to) {}

  bool visit_nil() {
    to_ += "null";
    return true;
  }
  bool visit_boolean(bool value) {
    to_ += value ? "true" : "false";
    return true;
  }
  bool visit_positive_integer(std::uint64_t number) {
    append_number(to_, number);
    return true;
  }
  bool visit_negative_integer(std::int64_t number) {
    append_number(to_, number);
    return true;
  }
  bool visit_float32(float number) { return visit_float64(static_cast<double>(number)); }
  bool visit_float64(double number) {
    append_float(to_, number);
    return true;
  }
  bool visit_str(const char* text, std::uint32_t size) {
    append_json_string(to_, {text, size});
    return true;
  }
  bool visit_bin(const char* bytes, std::uint32_t size) {
    append_binary(to_, {bytes, size});
    return true;
  }
  // The first byte is the type.
  bool visit_ext(const char* bytes, std::uint32_t size) {
    to_ += R"({"$extension":)";
    append_number(to_, static_cast<int>(static_cast<std::int8_t>(bytes[0])));
    to_ += R"(,"$binary":")";
    append_base64(to_, {bytes + 1, size - 1});
    to_ += R"("})";
    return true;
  }

  bool start_array(std::uint32_t) { return enter('['); }
  bool start_array_item() {
    if (to_.back() != '[') to_ += ',';
    return true;
  }
  bool end_array() { return leave(']'); }
  bool start_map(std::uint32_t) { return enter('{'); }
  bool start_map_key() {
    if (to_.back() != '{') to_ += ',';
    keys_.push_back(to_.size());
    return keys_.size() <= kMaxKeysInKeys;
  }
  bool end_map_key() {
    const std::size_t start = keys_.back();
    keys_.pop_back();
    if (to_[start] != '"') {
      const std::string key = to_.substr(start);
      to_.resize(start);
      append_json_string(to_, key);
    }
    to_ += ':';
    return true;
  }
  bool end_map() { return leave('}'); }

 private:
  bool enter(char bracket) {
    to_ += bracket;
    return ++depth_ <= kMaxDepth;
  }
  bool leave(char bracket) {
    to_ += bracket;
    --depth_;
    return true;
  }

  std::string& to_;
  std::vector<std::size_t> keys_;  // where the keys begin that are being written: one, and those within it
  int depth_ = 0;
};

// Finds out whether a value is a string.
struct TextFinder : msgpack::null_visitor {
  std::optional<std::string_view> text;

  bool visit_str(const char* at, std::uint32_t size) {
    text = std::string_view(at, size);
    return true;
  }
  bool start_array(std::uint32_t) { return false; }
  bool start_map(std::uint32_t) { return false; }
};

}  // namespace

void append_json_string(std::string& to, std::string_view text) {
  if (!is_utf8(text)) return append_json_string(to, mended_utf8(text));
  to += '"';
  std::size_t written = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (is_plain(text[i])) continue;
    to.append(text, written, i - written);
    append_escaped(to, text[i]);
    written = i + 1;
  }
  to.append(text, written);
  to += '"';
}

std::string json_string(std::string_view text) {
  std::string json;
  append_json_string(json, text);
  return json;
}

void append_json(std::string& to, Bytes value) {
  const std::size_t start = to.size();
  JsonWriter writer(to);
  std::size_t end = 0;
  if (msgpack::parse(value.data(), value.size(), end, writer) && end == value.size()) return;
  to.resize(start);
  append_binary(to, value);
}

std::string json_of(Bytes value) {
  std::string text;
  append_json(text, value);
  return text;
}

std::string plain_of(Bytes value) {
  TextFinder finder;
  std::size_t end = 0;
  const bool is_one = msgpack::parse(value.data(), value.size(), end, finder) && end == value.size();
  return is_one && finder.text ? std::string(*finder.text) : json_of(value);
}

std::string json_of(const TaskError& error) {
  std::string text = R"({"type":)" + json_string(error.type) + R"(,"message":)" + json_string(error.message);
  text += R"(,"trace":[)";
  for (const std::string& frame : error.trace) {
    if (&frame != &error.trace.front()) text += ',';
    text += json_string(frame);
  }
  text += ']';
  if (error.kind != ErrorKind::failure) text += R"(,"kind":)" + json_string(to_string(error.kind));
  if (const auto after = error.retry_after()) text += R"(,"retry_after_ms":)" + std::to_string(after->count());
  if (error.cause() != nullptr) text += R"(,"cause":)" + json_of(*error.cause());
  return text + '}';
}

}  // namespace zebu
