#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>

namespace zebu::webfront {

struct Options {
  std::string broker = "tcp://127.0.0.1:5555";
  // host:port, [v6]:port or *:port; port 0 lets the kernel choose.
  std::string listen = "127.0.0.1:8080";
  // How long the broker may be silent. Requests that wait for a job outlive an absence of twice this.
  std::chrono::milliseconds liveness{3000};

  std::size_t max_header = 8U << 10;  // bytes of request line and headers; more is 431
  std::size_t max_body = 1U << 20;    // bytes of a request's body; more is 413
  // Open connections; one more gets 503 and is closed. Lowered to what the limit of open files allows.
  std::size_t max_connections = 10'000;

  std::chrono::milliseconds header_timeout{10'000};  // from a request's first byte to the end of its headers; then 408
  std::chrono::milliseconds body_timeout{30'000};    // from there to the end of its body; then 408
  std::chrono::milliseconds idle_timeout{60'000};    // between requests, and while a client takes nothing of a response
  std::chrono::milliseconds max_wait{60'000};        // what `Prefer: wait` and `?wait=` are cut to
  std::chrono::milliseconds grace{10'000};           // how long a stop waits for requests that are under way

  std::string log_level = "info";
  bool check = false;  // only ask the front end at `listen` whether it is healthy
};

// Fills `options` from flags, environment and configuration file. Returns the exit code when the program is to stop
// now.
[[nodiscard]] std::optional<int> parse_options(int argc, const char* const* argv, Options& options);

}  // namespace zebu::webfront
