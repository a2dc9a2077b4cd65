#pragma once

#include "zebu/error.h"
#include "zebu/job.h"

#include <msgpack.hpp>

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

}  // namespace convert_detail

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
