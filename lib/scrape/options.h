#pragma once

#include "zebu/program/cli.h"

#include <cstdint>
#include <string>
#include <vector>

namespace zebu::scrape {

struct Options {
  std::string listen;              // host:port; empty: there is no port
  std::vector<std::string> hosts;  // as http::ServerOptions::allowed_hosts
  std::uint64_t series = 2000;     // of a metric whose labels are names of queues or tasks

  [[nodiscard]] bool is_on() const { return !listen.empty(); }
};

// --metrics, --metrics-hosts and --metric-series, under a heading of their own.
void add_options(cli::Command& app, Options& options);

}  // namespace zebu::scrape
