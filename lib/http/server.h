#pragma once

#include "http/server_options.h"
#include "zebu/error.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace boost::asio {
class io_context;
}

namespace zebu::http {

class Routes;

// Listens, accepts connections, and holds each to its deadlines. One thread, the loop's. After stop() it may be
// destroyed once `done` has been called.
class Server {
 public:
  // All three outlive it.
  Server(boost::asio::io_context& loop, const ServerOptions& options, const Routes& routes);
  ~Server();

  // Binds, and begins to accept. An error names the address and the cause.
  [[nodiscard]] Result<void> start();
  // "127.0.0.1:40123", with the port that the kernel chose.
  [[nodiscard]] std::string address() const;

  struct Connected {
    std::size_t open = 0;
    std::uint64_t accepted = 0;  // since the start
    std::uint64_t refused = 0;   // of them, past the limit of connections
  };
  [[nodiscard]] Connected connected() const;

  // Accepts no more, lets running requests finish for at most the grace time, then ends them. Calls `done` when the
  // last connection has ended.
  void stop(std::function<void()> done);

 private:
  class Connections;
  std::unique_ptr<Connections> connections_;
};

}  // namespace zebu::http
