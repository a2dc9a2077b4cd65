#pragma once

#include "zebu/error.h"
#include "zebu/job.h"

#include <msgpack.hpp>

#include <array>
#include <bit>
#include <cstdint>
#include <string>
#include <tuple>
#include <utility>

// Conversion of values to and from msgpack. Arguments and results may have any type that msgpack-c converts: numbers,
// strings, containers, and your own types with MSGPACK_DEFINE.
namespace zebu {

namespace convert_detail {

struct Sink {
  std::string& to;
  void write(const char* bytes, std::size_t count) { to.append(bytes, count); }
};

// A tag, then the bits, big-endian.
template <class Bits, class Float>
std::array<char, 1 + sizeof(Bits)> float_bytes(char tag, Float number) {
  std::array<char, 1 + sizeof(Bits)> bytes{tag};
  const auto bits = std::bit_cast<Bits>(number);
  for (std::size_t i = 1; i <= sizeof bits; ++i) bytes[i] = static_cast<char>(bits >> 8 * (sizeof bits - i) & 0xff);
  return bytes;
}

}  // namespace convert_detail
}  // namespace zebu

// msgpack-c writes 1.0 as the integer 1, and -0.0 as 0. Here a floating-point number stays one.
template <>
inline msgpack::packer<zebu::convert_detail::Sink>& msgpack::packer<zebu::convert_detail::Sink>::pack_float(float x) {
  const auto bytes = zebu::convert_detail::float_bytes<std::uint32_t>('\xca', x);
  append_buffer(bytes.data(), bytes.size());
  return *this;
}
template <>
inline msgpack::packer<zebu::convert_detail::Sink>& msgpack::packer<zebu::convert_detail::Sink>::pack_double(double x) {
  const auto bytes = zebu::convert_detail::float_bytes<std::uint64_t>('\xcb', x);
  append_buffer(bytes.data(), bytes.size());
  return *this;
}

namespace zebu {

// Limits for unpacking untrusted bytes. A valid container has at most as many elements as there are bytes, so a forged
// length cannot make us allocate memory. The depth limit protects the stack.
[[nodiscard]] inline msgpack::unpack_limit unpack_limit_of(Bytes bytes) {
  constexpr std::size_t kMaxDepth = 128;
  const std::size_t most = bytes.size();
  return {most, most, most, most, most, kMaxDepth};
}

// One msgpack value.
template <class T>
[[nodiscard]] std::string pack_value(const T& value) {
  std::string bytes;
  convert_detail::Sink sink{bytes};
  msgpack::pack(sink, value);
  return bytes;
}

// The arguments of a job: one msgpack array.
template <class... Args>
[[nodiscard]] std::string pack_args(const Args&... args) {
  std::string bytes;
  convert_detail::Sink sink{bytes};
  msgpack::packer<convert_detail::Sink> packer(sink);
  packer.pack_array(static_cast<std::uint32_t>(sizeof...(Args)));
  (packer.pack(args), ...);
  return bytes;
}

// The value in `bytes` as a T. Error bad_value if it has another type or does not fit into T: a string is never
// converted to a number.
template <class T>
[[nodiscard]] Result<T> unpack_value(Bytes bytes) {
  try {
    const msgpack::object_handle handle =
        msgpack::unpack(bytes.data(), bytes.size(), nullptr, nullptr, unpack_limit_of(bytes));
    return handle.get().as<T>();
  } catch (const std::exception& e) {
    return fail(ErrorCode::bad_value, std::string("the value does not have the requested type: ") + e.what());
  }
}

}  // namespace zebu
