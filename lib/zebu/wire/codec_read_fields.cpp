#include "zebu/utf8.h"
#include "zebu/wire/codec_reader.h"

#include <cmath>

namespace zebu::codec {
namespace {

std::string shown(double x) {
  std::string text = std::to_string(x);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

double real_of(const Object& o) {
  switch (o.type) {
    case msgpack::type::FLOAT32:
    case msgpack::type::FLOAT64:
      return o.via.f64;
    case msgpack::type::POSITIVE_INTEGER:
      return static_cast<double>(o.via.u64);
    default:
      return std::nan("");
  }
}

}  // namespace

std::uint64_t read_number(const Object& o, const char* field, std::uint64_t max) {
  if (o.type != msgpack::type::POSITIVE_INTEGER || o.via.u64 > max) {
    throw Malformed{std::string(field) + " must be an integer from 0 to " + std::to_string(max)};
  }
  return o.via.u64;
}

std::uint32_t read_u32(const Object& o, const char* field, std::uint32_t max) {
  return static_cast<std::uint32_t>(read_number(o, field, max));
}

double read_real(const Object& o, const char* field, double min, double max) {
  const double x = real_of(o);
  if (!(x >= min && x <= max)) {  // also true for NaN
    throw Malformed{std::string(field) + " must be a number from " + shown(min) + " to " + shown(max)};
  }
  return x == 0 ? 0.0 : x;  // turns -0 into 0
}

std::chrono::milliseconds read_ms(const Object& o, const char* field) {
  return std::chrono::milliseconds(read_number(o, field, kMaxDuration.count()));
}

WallTime read_unix_ms(const Object& o, const char* field) {
  return WallTime(std::chrono::milliseconds(read_number(o, field, kMaxWallTime.time_since_epoch().count())));
}

std::string_view read_str(const Object& o, const char* field, std::size_t max) {
  if (o.type != msgpack::type::STR) throw Malformed{std::string(field) + " must be a string"};
  if (o.via.str.size > max) {
    throw Malformed{std::string(field) + " must have at most " + std::to_string(max) + " bytes"};
  }
  return {o.via.str.ptr, o.via.str.size};
}

std::string_view read_name(const Object& o, const char* field) {
  const std::string_view name = read_str(o, field);
  if (!is_valid_name(name)) {
    throw Malformed{std::string(field) + " must have 1 to 128 bytes of UTF-8 without spaces or control characters"};
  }
  return name;
}

std::string quoted(std::string_view text) { return "'" + mended_utf8(utf8_beginning(text, 64)) + "'"; }

Bytes read_bin(const Object& o, const char* field) {
  if (o.type != msgpack::type::BIN) throw Malformed{std::string(field) + " must be binary"};
  return {o.via.bin.ptr, o.via.bin.size};
}

bool read_bool(const Object& o, const char* field) {
  if (o.type != msgpack::type::BOOLEAN) throw Malformed{std::string(field) + " must be a boolean"};
  return o.via.boolean;
}

Uuid read_id(const Object& o, const char* field) {
  const auto id = o.type == msgpack::type::BIN ? Uuid::from_bytes({o.via.bin.ptr, o.via.bin.size}) : std::nullopt;
  if (!id) throw Malformed{std::string(field) + " must be 16 bytes of binary"};
  return *id;
}

const Object* read_fields(const Object& o, std::size_t count, const char* what) {
  if (o.type != msgpack::type::ARRAY || o.via.array.size < count) {
    throw Malformed{std::string(what) + " must be an array of " + std::to_string(count)};
  }
  return o.via.array.ptr;
}

}  // namespace zebu::codec
