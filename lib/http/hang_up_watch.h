#pragma once

#include "http/cancellation.h"
#include "http/request_reader.h"
#include "zebu/asio.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>

namespace zebu::http {

// Watches a connection's socket while a handler runs. Bytes that arrive meanwhile go to the reader, for the next
// request; the end of the stream cancels the request. Socket and reader outlive it.
class HangUpWatch {
 public:
  HangUpWatch(boost::asio::ip::tcp::socket& socket, RequestReader& reader) : socket_(socket), reader_(reader) {}

  // `cancellation` must live until end() has finished.
  void begin(Cancellation& cancellation);
  // Cancels the pending wait, and returns once it has ended: it holds a pointer to this object.
  [[nodiscard]] boost::asio::awaitable<void> end();
  // Whether end() has anything to wait for.
  [[nodiscard]] bool is_pending() const { return pending_; }
  // The client has hung up, or the connection broke.
  [[nodiscard]] bool hung_up() const { return hung_up_; }

 private:
  void wait();
  void read();

  boost::asio::ip::tcp::socket& socket_;
  RequestReader& reader_;
  Cancellation* cancellation_ = nullptr;
  bool pending_ = false;
  bool hung_up_ = false;
};

}  // namespace zebu::http
