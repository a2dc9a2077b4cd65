#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace zebu::bench {

// What threads used since they began: how often they gave up their core to wait, and how long they had one.
struct Usage {
  std::uint64_t voluntary_switches = 0;
  double cpu_us = 0;
};

// The usage of all threads of these processes, by "process/thread". Processes that are gone count nothing.
[[nodiscard]] std::map<std::string, Usage> usage_of(const std::vector<pid_t>& processes);

// Prints what was used from `before` on, divided by `count`: PREFIX_switches and PREFIX_cpu_us of all threads together,
// and with by_thread PREFIX_switches/PROCESS/THREAD and PREFIX_cpu_us/PROCESS/THREAD for each name.
void print_usage(const std::string& prefix, const std::map<std::string, Usage>& before,
                 const std::vector<pid_t>& processes, double count, bool by_thread = false);

}  // namespace zebu::bench
