#include "webfront/converter.h"

#include "zebu/awaitable.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <exception>

namespace zebu::webfront {

// An exception of `work` goes to the caller.
boost::asio::awaitable<void> Converter::in_thread(std::size_t bytes, const std::function<void()>& work) {
  Pause pause(loop_, nullptr);
  std::exception_ptr failure;
  bool is_done = false;
  waiting_ += bytes;
  boost::asio::post(thread_, [&] {
    try {
      work();
    } catch (...) {
      failure = std::current_exception();
    }
    boost::asio::post(loop_, [&] {
      is_done = true;
      pause.wake();
    });
  });
  while (!is_done) co_await pause.until(TimePoint::max());
  waiting_ -= bytes;
  if (failure) std::rethrow_exception(failure);
}

}  // namespace zebu::webfront
