#include "http/hang_up_watch.h"

#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <netinet/tcp.h>

namespace zebu::http {

using boost::system::error_code;

namespace {

constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

}  // namespace

void HangUpWatch::begin(Cancellation& cancellation) {
  cancellation_ = &cancellation;
  probe_ = reader_.is_http_1_0() ? std::string_view() : kContinue;
  wait(Socket::wait_read);
}

void HangUpWatch::wait(Socket::wait_type what) {
  pending_ = true;
  socket_.async_wait(what, [this, what](const error_code& error) {
    pending_ = false;
    if (error || cancellation_ == nullptr) return;
    if (what == Socket::wait_read) return read();
    hang_up();
  });
}

void HangUpWatch::read() {
  for (;;) {
    const auto room = reader_.room();
    // If enough is read ahead, the rest waits in the kernel, and so does a hang-up behind it.
    if (room.empty() || !may_hold_(reader_.unparsed_size() + room.size())) return;
    error_code error;
    const std::size_t count = socket_.read_some(boost::asio::buffer(room.data(), room.size()), error);
    reader_.commit(count);
    if (error == boost::asio::error::would_block) return wait(Socket::wait_read);
    if (error == boost::asio::error::eof) return end_of_stream();
    if (error) return hang_up();
  }
}

void HangUpWatch::end_of_stream() {
  if (probe_.empty()) {
    using Seconds = boost::asio::detail::socket_option::integer<IPPROTO_TCP, TCP_KEEPIDLE>;
    error_code ignored;
    socket_.set_option(Seconds(10), ignored);
    socket_.set_option(boost::asio::socket_base::keep_alive(true), ignored);
  } else {
    probe_at_ = Clock::now() + std::chrono::milliseconds(500);
  }
  wait(Socket::wait_error);
}

void HangUpWatch::sweep(TimePoint now) {
  if (now >= probe_at_ && cancellation_ != nullptr) probe();
}

void HangUpWatch::probe() {
  probe_at_ = TimePoint::max();
  error_code error;
  const std::size_t sent = socket_.write_some(boost::asio::buffer(probe_), error);
  if (error && error != boost::asio::error::would_block) return hang_up();
  if (sent > 0) out_.append(probe_, sent);
}

void HangUpWatch::hang_up() {
  hung_up_ = true;
  cancellation_->raise(Ending::hung_up);
}

boost::asio::awaitable<void> HangUpWatch::end() {
  cancellation_ = nullptr;
  probe_at_ = TimePoint::max();
  error_code ignored;
  if (socket_.is_open()) socket_.cancel(ignored);
  while (pending_) co_await boost::asio::post(socket_.get_executor(), boost::asio::use_awaitable);
}

}  // namespace zebu::http
