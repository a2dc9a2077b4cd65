#pragma once

#include "webfront/gateway.h"
#include "webfront/http_server.h"
#include "webfront/options.h"
#include "webfront/routes.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <string>

namespace zebu::webfront {

// The whole front end: one loop that serves HTTP and talks to the broker.
class Webfront {
 public:
  // `options` outlives it.
  explicit Webfront(const Options& options);
  ~Webfront();

  // Listens, and connects to the broker, which need not be there. An error is one of the options.
  [[nodiscard]] Result<void> start();
  // "127.0.0.1:40123"
  [[nodiscard]] std::string address() const { return server_.address(); }
  // Serves until `stop_descriptor` becomes readable and the requests under way have ended.
  void run(int stop_descriptor);

 private:
  boost::asio::io_context loop_{1};
  SocketContext context_;
  Gateway gateway_;
  Routes routes_;
  HttpServer server_;
  boost::asio::posix::stream_descriptor stop_;
};

}  // namespace zebu::webfront
