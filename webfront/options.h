#pragma once

#include "http/server_options.h"
#include "scrape/options.h"
#include "webfront/token_command.h"

#include <chrono>
#include <optional>
#include <string>

namespace zebu::webfront {

struct Options {
  std::string broker = "tcp://127.0.0.1:5555";
  // How long the broker may be silent before the connection counts as lost. A waiting request gives up after twice
  // this.
  std::chrono::milliseconds liveness{3000};

  http::ServerOptions http;
  std::chrono::milliseconds max_wait{60'000};  // the limit of `Prefer: wait` and `?wait=`; a longer wait is shortened

  std::string tokens;    // the file of tokens; empty: everybody may do everything
  bool no_auth = false;  // that is meant, although others than this machine can connect
  TokenOptions token;

  scrape::Options metrics;

  // From the signal to stop until the listener closes: /readyz says 503, and load balancers turn elsewhere.
  std::chrono::milliseconds drain_delay{1000};

  std::string log_level = "info";
  std::string log_format = "text";  // or "json"
  bool check = false;               // only ask the front end at http.listen whether it is healthy
};

// Fills `options` from flags, environment and configuration file. Returns the exit code if the program must stop now.
[[nodiscard]] std::optional<int> parse_options(int argc, const char* const* argv, Options& options);

}  // namespace zebu::webfront
