#include "zebu/program/json_text.h"

#include "zebu/convert.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>

namespace zebu {
namespace {

std::string base64(std::string_view bytes) {
  static constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const auto at = [&](std::size_t k) { return k < bytes.size() ? static_cast<unsigned char>(bytes[k]) : 0U; };
    const unsigned group = at(i) << 16 | at(i + 1) << 8 | at(i + 2);
    text += kDigits[group >> 18];
    text += kDigits[group >> 12 & 63];
    text += i + 1 < bytes.size() ? kDigits[group >> 6 & 63] : '=';
    text += i + 2 < bytes.size() ? kDigits[group & 63] : '=';
  }
  return text;
}

std::string binary(std::string_view bytes) { return R"({"$binary":")" + base64(bytes) + R"("})"; }

template <class Number>
std::string number_text(Number number) {
  std::array<char, 32> text{};
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), number);
  return {text.data(), end};
}

std::string float_text(double number) {
  if (!std::isfinite(number)) return "null";
  std::string text = number_text(number);
  // 2.0 must remain a floating-point number for the reader.
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

void write(const msgpack::object& value, std::string& to);

void write_key(const msgpack::object& key, std::string& to) {
  if (key.type == msgpack::type::STR) return write(key, to);
  std::string text;
  write(key, text);
  to += json_string(text);
}

void write_map(const msgpack::object_map& map, std::string& to) {
  to += '{';
  for (std::uint32_t i = 0; i < map.size; ++i) {
    if (i > 0) to += ',';
    write_key(map.ptr[i].key, to);
    to += ':';
    write(map.ptr[i].val, to);
  }
  to += '}';
}

void write_array(const msgpack::object_array& array, std::string& to) {
  to += '[';
  for (std::uint32_t i = 0; i < array.size; ++i) {
    if (i > 0) to += ',';
    write(array.ptr[i], to);
  }
  to += ']';
}

void write(const msgpack::object& value, std::string& to) {
  switch (value.type) {
    case msgpack::type::NIL:
      to += "null";
      break;
    case msgpack::type::BOOLEAN:
      to += value.via.boolean ? "true" : "false";
      break;
    case msgpack::type::POSITIVE_INTEGER:
      to += number_text(value.via.u64);
      break;
    case msgpack::type::NEGATIVE_INTEGER:
      to += number_text(value.via.i64);
      break;
    case msgpack::type::FLOAT32:
      to += std::isfinite(value.via.f64) ? float_text(static_cast<double>(static_cast<float>(value.via.f64))) : "null";
      break;
    case msgpack::type::FLOAT64:
      to += float_text(value.via.f64);
      break;
    case msgpack::type::STR:
      to += json_string({value.via.str.ptr, value.via.str.size});
      break;
    case msgpack::type::BIN:
      to += binary({value.via.bin.ptr, value.via.bin.size});
      break;
    case msgpack::type::ARRAY:
      write_array(value.via.array, to);
      break;
    case msgpack::type::MAP:
      write_map(value.via.map, to);
      break;
    case msgpack::type::EXT:
      to += R"({"$extension":)" + number_text(static_cast<int>(value.via.ext.type())) + R"(,"$binary":")" +
            base64({value.via.ext.data(), value.via.ext.size}) + R"("})";
      break;
  }
}

// The value in `bytes`; nullopt unless there is exactly one.
std::optional<msgpack::object_handle> unpacked(Bytes bytes) {
  try {
    std::size_t offset = 0;
    auto handle = msgpack::unpack(bytes.data(), bytes.size(), offset, nullptr, nullptr, unpack_limit_of(bytes));
    if (offset == bytes.size()) return handle;
  } catch (const std::exception&) {  // a task returned invalid msgpack; the caller shows the bytes
  }
  return std::nullopt;
}

bool is_plain_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; });
}

}  // namespace

std::string json_string(std::string_view text) {
  if (is_plain_ascii(text)) return '"' + std::string(text) + '"';
  using Json = nlohmann::json;
  return Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string json_of(Bytes value) {
  const auto handle = unpacked(value);
  if (!handle) return binary(value);
  std::string text;
  write(handle->get(), text);
  return text;
}

std::string plain_of(Bytes value) {
  const auto handle = unpacked(value);
  if (handle && handle->get().type == msgpack::type::STR) {
    return {handle->get().via.str.ptr, handle->get().via.str.size};
  }
  return json_of(value);
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
