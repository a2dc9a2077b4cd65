#pragma once

#include "http/answered.h"

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace zebu::http {

struct ServerOptions {
  std::string name;  // the header Server: "zebu-webfront/0.1.0"
  // host:port, [v6]:port or *:port; with port 0 the kernel chooses one.
  std::string listen = "127.0.0.1:8080";
  // Hosts that requests may name beside those that no outsider can have (see HostPolicy); "*": any.
  std::vector<std::string> allowed_hosts = {};

  std::size_t max_header = 8U << 10;  // bytes of the request line and headers; more is 431
  std::size_t max_body = 1U << 20;    // bytes of a request's body; more is 413
  // Bytes that all connections together may hold of what they receive and send, beyond 16 KiB a connection and
  // direction. A request that needs more gets 503; a client that does not read is let go.
  std::size_t max_buffered = 256U << 20;
  // Open connections; one more gets 503, or an answer about the server's health, and is closed. The limit of open files
  // may lower it: see allowed_connections.
  std::size_t max_connections = 10'000;

  std::chrono::milliseconds header_timeout{10'000};  // from a request's first byte to the end of its headers; then 408
  std::chrono::milliseconds body_timeout{30'000};    // from there to the end of its body; then 408
  std::chrono::milliseconds idle_timeout{60'000};    // between requests, and while a client reads nothing of a response
  std::chrono::milliseconds grace{10'000};           // how long a stop waits for running requests

  // Called in the loop's thread for each response; empty: nobody counts them.
  std::function<void(const Answered&)> answered = {};
};

// Connections past max_connections that are held at a time. For a further one the oldest of them is closed.
inline constexpr std::size_t kMaxRefusals = 64;

// How many of the `wanted` connections the process may serve if it may open so many descriptors: refusals, sockets of
// other kinds and logs need some as well.
[[nodiscard]] std::size_t allowed_connections(std::size_t wanted, std::size_t descriptors);

}  // namespace zebu::http
