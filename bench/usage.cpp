#include "bench/usage.h"

#include "bench/figures.h"

#include <algorithm>
#include <filesystem>
#include <fstream>

namespace zebu::bench {
namespace {

namespace fs = std::filesystem;

std::string name_in(const fs::path& folder) {
  std::string name;
  std::getline(std::ifstream(folder / "comm"), name);
  std::replace(name.begin(), name.end(), ' ', '_');
  return name;
}

Usage usage_in(const fs::path& thread) {
  Usage usage;
  std::ifstream status(thread / "status");
  for (std::string word; status >> word;) {
    if (word == "voluntary_ctxt_switches:") status >> usage.voluntary_switches;
  }
  double nanoseconds = 0;
  std::ifstream(thread / "schedstat") >> nanoseconds;
  usage.cpu_us = nanoseconds / 1000;
  return usage;
}

}  // namespace

std::map<std::string, Usage> usage_of(const std::vector<pid_t>& processes) {
  std::map<std::string, Usage> all;
  for (const pid_t pid : processes) {
    const fs::path process = "/proc/" + std::to_string(pid);
    std::error_code gone;
    for (const auto& thread : fs::directory_iterator(process / "task", gone)) {
      Usage& sum = all[name_in(process) + "/" + name_in(thread)];
      const Usage usage = usage_in(thread);
      sum.voluntary_switches += usage.voluntary_switches;
      sum.cpu_us += usage.cpu_us;
    }
  }
  return all;
}

void print_usage(const std::string& prefix, const std::map<std::string, Usage>& before,
                 const std::vector<pid_t>& processes, double count, bool by_thread) {
  double switches = 0;
  double cpu_us = 0;
  std::map<std::string, Usage> by_name;
  for (const auto& [name, now] : usage_of(processes)) {
    const auto found = before.find(name);
    const Usage then = found == before.end() ? Usage{} : found->second;
    const Usage more{now.voluntary_switches - then.voluntary_switches, now.cpu_us - then.cpu_us};
    by_name[name] = more;
    switches += static_cast<double>(more.voluntary_switches);
    cpu_us += more.cpu_us;
  }
  print_figure(prefix + "_switches", switches / count);
  print_figure(prefix + "_cpu_us", cpu_us / count);
  if (!by_thread) return;
  for (const auto& [name, each] : by_name) {
    print_figure(prefix + "_switches/" + name, static_cast<double>(each.voluntary_switches) / count);
    print_figure(prefix + "_cpu_us/" + name, each.cpu_us / count);
  }
}

}  // namespace zebu::bench
