#pragma once

#include "http/request_reader.h"
#include "http/response.h"
#include "webfront/options.h"
#include "webfront/routes.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <string>

namespace zebu::webfront {

// One client's connection: receive → route → respond, until either side has had enough. It lives in its coroutine; the
// server holds a pointer for the sweep of deadlines and for the end of the program. Every operation has a deadline, but
// none has a timer: the server asks each connection every now and then whether its time is up.
class Connection {
 public:
  Connection(boost::asio::ip::tcp::socket socket, const Options& options, Routes& routes, const DateHeader& date);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Serves the connection to its end. It then has no operation under way.
  [[nodiscard]] boost::asio::awaitable<void> serve();
  // Tells the client that there are too many connections, and closes.
  [[nodiscard]] boost::asio::awaitable<void> refuse();

  // Ends the operation under way when its deadline has passed.
  void sweep(TimePoint now);
  // Closes after the request under way, or now when there is none.
  void finish();
  // Closes now, whatever is under way.
  void abort();

 private:
  enum class Phase { idle, header, body, handler, writing, closing };

  boost::asio::awaitable<bool> receive();
  boost::asio::awaitable<bool> read_more();
  boost::asio::awaitable<void> answer();
  boost::asio::awaitable<Response> handle(Request& request, Routes::Choice choice);
  boost::asio::awaitable<bool> flush();
  boost::asio::awaitable<void> linger();
  void enter(Phase phase);
  void respond(const Response& response, const Framing& framing);
  void refuse_request();

  void watch();
  void look_at_input();
  boost::asio::awaitable<void> end_watch();

  boost::asio::ip::tcp::socket socket_;
  const Options& options_;
  Routes& routes_;
  const DateHeader& date_;
  RequestReader reader_;
  std::string out_;
  Interrupt* interrupt_ = nullptr;  // of the request that is being handled
  Phase phase_ = Phase::idle;
  TimePoint deadline_ = TimePoint::max();
  bool timed_out_ = false;
  bool open_ = true;  // the next request will be read
  bool finishing_ = false;
  bool watching_ = false;  // the socket's readability is watched while a handler runs
  bool gone_ = false;      // the client hung up, or the connection broke
};

}  // namespace zebu::webfront
