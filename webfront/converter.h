#pragma once

#include "zebu/asio.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/thread_pool.hpp>

#include <cstddef>
#include <functional>
#include <optional>

namespace boost::asio {
class io_context;
}

namespace zebu::webfront {

// Where values are converted to and from JSON. A small one is converted in the loop, which costs less than the way to a
// thread and back. A large one would hold up every other request: it is converted in a thread of its own, one after the
// other. Use it from the loop's thread only; the loop outlives it.
class Converter {
 public:
  static constexpr std::size_t kInLoop = 64U << 10;       // bytes of a value that is converted in the loop
  static constexpr std::size_t kMaxWaiting = 256U << 20;  // bytes of all larger ones that wait or are converted

  explicit Converter(boost::asio::io_context& loop) : loop_(loop) {}

  // What convert() returns, which reads `bytes` bytes. What it refers to must live as long as the caller's coroutine,
  // and nobody may write there meanwhile. nullopt if too much is waiting already.
  template <class Value>
  [[nodiscard]] boost::asio::awaitable<std::optional<Value>> run(std::size_t bytes,
                                                                 const std::function<Value()>& convert) {
    std::optional<Value> value;
    if (bytes <= kInLoop) {
      value.emplace(convert());
    } else if (has_room(bytes)) {
      const std::function<void()> work = [&] { value.emplace(convert()); };
      co_await in_thread(bytes, work);
    }
    co_return value;
  }

 private:
  [[nodiscard]] bool has_room(std::size_t bytes) const { return waiting_ == 0 || waiting_ + bytes <= kMaxWaiting; }
  boost::asio::awaitable<void> in_thread(std::size_t bytes, const std::function<void()>& work);

  boost::asio::io_context& loop_;
  std::size_t waiting_ = 0;
  boost::asio::thread_pool thread_{1};
};

}  // namespace zebu::webfront
