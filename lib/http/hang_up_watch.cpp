#include "http/hang_up_watch.h"

#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace zebu::http {

using boost::system::error_code;
using tcp = boost::asio::ip::tcp;

void HangUpWatch::begin(Cancellation& cancellation) {
  cancellation_ = &cancellation;
  wait();
}

void HangUpWatch::wait() {
  pending_ = true;
  socket_.async_wait(tcp::socket::wait_read, [this](const error_code& error) {
    pending_ = false;
    if (!error && cancellation_ != nullptr) read();
  });
}

void HangUpWatch::read() {
  for (;;) {
    const auto room = reader_.room();
    if (room.empty()) return;  // enough is read ahead: the rest waits in the kernel, and so does a hang-up behind it
    error_code error;
    const std::size_t count = socket_.read_some(boost::asio::buffer(room.data(), room.size()), error);
    reader_.commit(count);
    if (error == boost::asio::error::would_block) return wait();
    if (error) {
      hung_up_ = true;
      cancellation_->raise({ErrorCode::closed, "the client hung up", {}});
      return;
    }
  }
}

boost::asio::awaitable<void> HangUpWatch::end() {
  cancellation_ = nullptr;
  error_code ignored;
  if (socket_.is_open()) socket_.cancel(ignored);
  while (pending_) co_await boost::asio::post(socket_.get_executor(), boost::asio::use_awaitable);
}

}  // namespace zebu::http
