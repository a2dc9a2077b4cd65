#pragma once

#include "http/response.h"
#include "webfront/connection.h"
#include "webfront/options.h"
#include "webfront/routes.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include <string>
#include <unordered_set>

namespace zebu::webfront {

// Accepts connections and sees to it that each keeps its deadlines. One thread, the loop's. After stop() it is idle
// once its connections have ended; only then may it be destroyed.
class HttpServer {
 public:
  HttpServer(boost::asio::io_context& loop, const Options& options, Routes& routes);

  // Binds and begins to accept. An error names the address and the cause.
  [[nodiscard]] Result<void> start();
  // "127.0.0.1:40123", with the port that the kernel chose.
  [[nodiscard]] std::string address() const;

  // Accepts no more, lets requests under way finish for at most the grace time, then ends them; calls `done` at the
  // end.
  void stop(std::function<void()> done);

 private:
  boost::asio::awaitable<void> accept();
  boost::asio::awaitable<void> serve(boost::asio::ip::tcp::socket socket);
  void sweep();
  void look_for_end();

  boost::asio::io_context& loop_;
  const Options& options_;
  Routes& routes_;
  boost::asio::ip::tcp::acceptor acceptor_;
  boost::asio::steady_timer sweep_timer_;
  boost::asio::steady_timer accept_pause_;
  DateHeader date_;
  std::unordered_set<Connection*> connections_;  // the refused ones too
  std::size_t served_ = 0;
  std::size_t max_connections_;
  TimePoint end_of_grace_ = TimePoint::max();
  std::function<void()> done_;
};

}  // namespace zebu::webfront
