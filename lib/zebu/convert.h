#pragma once

#include "zebu/error.h"
#include "zebu/job.h"

#include <msgpack.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

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

// A keyword argument on its way into a job: client.submit("thumbnail", "a.png", kw("size", 64)).
template <class T>
struct KeywordArgument {
  std::string_view name;
  const T& value;
};
// Both must live until the job is submitted.
template <class T>
[[nodiscard]] KeywordArgument<T> kw(std::string_view name, const T& value) {
  return {name, value};
}

namespace convert_detail {

template <class T>
inline constexpr bool kIsKeyword = false;
template <class T>
inline constexpr bool kIsKeyword<KeywordArgument<T>> = true;

// A map of packed values, with its keys in order.
[[nodiscard]] inline std::string pack_map(std::vector<std::pair<std::string, std::string>> values) {
  std::sort(values.begin(), values.end());
  std::string bytes;
  Sink sink{bytes};
  msgpack::packer<Sink> packer(sink);
  packer.pack_map(static_cast<std::uint32_t>(values.size()));
  for (const auto& [name, value] : values) {
    packer.pack(name);
    bytes += value;
  }
  return bytes;
}

}  // namespace convert_detail

// The arguments among `args` that are no keyword arguments, and those that are: one msgpack map with its keys in order;
// empty if there are none.
template <class... Args>
[[nodiscard]] std::string pack_positional(const Args&... args) {
  std::string bytes;
  convert_detail::Sink sink{bytes};
  msgpack::packer<convert_detail::Sink> packer(sink);
  packer.pack_array(static_cast<std::uint32_t>((std::size_t{!convert_detail::kIsKeyword<Args>} + ... + 0)));
  [[maybe_unused]] const auto pack = [&](const auto& arg) {
    if constexpr (!convert_detail::kIsKeyword<std::decay_t<decltype(arg)>>) packer.pack(arg);
  };
  (pack(args), ...);
  return bytes;
}
template <class... Args>
[[nodiscard]] std::string pack_kwargs(const Args&... args) {
  if constexpr ((std::size_t{convert_detail::kIsKeyword<Args>} + ... + 0) == 0) {
    return {};
  } else {
    std::vector<std::pair<std::string, std::string>> values;
    const auto add = [&](const auto& arg) {
      if constexpr (convert_detail::kIsKeyword<std::decay_t<decltype(arg)>>) {
        values.emplace_back(arg.name, pack_value(arg.value));
      }
    };
    (add(args), ...);
    return convert_detail::pack_map(std::move(values));
  }
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
