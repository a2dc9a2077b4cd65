#pragma once

#include "tests/support/paths.h"
#include "tests/support/process.h"
#include "tests/support/stack.h"

#include <string>
#include <utility>
#include <vector>

namespace zebu::test {

// A broker with a store in memory, and nobody else: the test plays its peers.
struct LoneBroker {
  explicit LoneBroker(std::vector<std::string> more = {}) : process(command(std::move(more))) {
    const std::string line = process.wait_for_line("zebu-broker ready");
    clients = ready_field(line, "clients");
    consumers = ready_field(line, "consumers");
  }
  static std::vector<std::string> command(std::vector<std::string> more) {
    std::vector<std::string> all = {program("zebu-broker"),
                                    "--clients",
                                    "tcp://127.0.0.1:*",
                                    "--consumers",
                                    "tcp://127.0.0.1:*",
                                    "--store",
                                    "memory"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }

  Process process;
  std::string clients;
  std::string consumers;
};

}  // namespace zebu::test
