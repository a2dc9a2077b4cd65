#pragma once

#include "http/cancellation.h"
#include "http/request_reader.h"
#include "zebu/asio.h"
#include "zebu/job.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <functional>
#include <string>

namespace zebu::http {

// Watches a connection's socket while a handler runs. Bytes that arrive meanwhile go to the reader, for the next
// request.
//
// The end of the stream alone does not tell a client that has hung up from one that has only ended its sending side and
// waits for the response. So if the response takes longer than half a second, it is preceded by "100 Continue", which
// clients ignore (RFC 9110, 15.2.1), and which nobody takes any more who has hung up: the reset that comes back cancels
// the request. HTTP/1.0 has no such response; there the kernel's probes find out, after a minute or so. Within a
// response that comes in pieces, a piece that clients ignore does the same.
class HangUpWatch {
 public:
  using Socket = boost::asio::ip::tcp::socket;

  // All three outlive it. out: what is sent before the response. may_hold: whether so many unparsed bytes may be held.
  HangUpWatch(Socket& socket, RequestReader& reader, std::string& out, std::function<bool(std::size_t)> may_hold)
      : socket_(socket), reader_(reader), out_(out), may_hold_(std::move(may_hold)) {}

  // `cancellation` must live until end() has finished.
  void begin(Cancellation& cancellation);
  // The response has begun: from now on this is sent. Empty: nothing is.
  void ask_with(std::string probe) { probe_ = std::move(probe); }
  // Cancels the pending wait, and returns once it has ended: it holds a pointer to this object.
  [[nodiscard]] boost::asio::awaitable<void> end();
  // Sends that if it is time. The server calls it a few times a second, unless the connection is writing.
  void sweep(TimePoint now);
  // Whether end() has anything to wait for.
  [[nodiscard]] bool is_pending() const { return pending_; }
  // The client has hung up, or the connection broke.
  [[nodiscard]] bool hung_up() const { return hung_up_; }

 private:
  void wait(Socket::wait_type what);
  void read();
  void end_of_stream();
  void probe();
  void hang_up();

  Socket& socket_;
  RequestReader& reader_;
  std::string& out_;
  std::function<bool(std::size_t)> may_hold_;
  Cancellation* cancellation_ = nullptr;
  std::string probe_;
  TimePoint probe_at_ = TimePoint::max();
  bool pending_ = false;
  bool hung_up_ = false;
};

}  // namespace zebu::http
