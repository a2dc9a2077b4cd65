#include "scrape/process_metrics.h"

#include "zebu/program/commit.h"
#include "zebu/version.h"

#include <sys/resource.h>

#include <array>
#include <chrono>
#include <ctime>
#include <dirent.h>
#include <fstream>
#include <sstream>
#include <unistd.h>

namespace zebu::scrape {
namespace {

using metrics::Row;

constexpr std::array kRows = {
    Row{"zebu_build_info", "gauge", "version commit", "1: the version, and the commit that it was built from"},
    Row{"process_cpu_seconds_total", "counter", "", "Processor time, in user and system mode"},
    Row{"process_resident_memory_bytes", "gauge", "", "Memory that is in use, and not swapped out"},
    Row{"process_virtual_memory_bytes", "gauge", "", "Memory that is mapped"},
    Row{"process_open_fds", "gauge", "", "Open descriptors"},
    Row{"process_max_fds", "gauge", "", "Descriptors that may be open"},
    Row{"process_start_time_seconds", "gauge", "", "When the process started, in seconds since 1970"},
};

double seconds_of(clockid_t clock) {
  timespec time{};
  if (::clock_gettime(clock, &time) != 0) return 0;
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

// proc(5): the 22nd field of stat, in clock ticks since the machine's start. The second one may contain anything.
double start_time() {
  std::ifstream file("/proc/self/stat");
  std::string stat((std::istreambuf_iterator<char>(file)), {});
  const std::size_t name_end = stat.rfind(')');
  const double now = seconds_of(CLOCK_REALTIME);
  if (name_end == std::string::npos) return now;
  std::istringstream fields(stat.substr(name_end + 1));
  std::string skipped;
  for (int field = 3; field < 22; ++field) fields >> skipped;
  double ticks = 0;
  if (!(fields >> ticks)) return now;
  return now - seconds_of(CLOCK_BOOTTIME) + ticks / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

struct Memory {
  std::uint64_t mapped = 0;
  std::uint64_t resident = 0;
};

Memory memory() {
  std::ifstream file("/proc/self/statm");
  Memory pages;
  file >> pages.mapped >> pages.resident;
  const auto size = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  return {pages.mapped * size, pages.resident * size};
}

std::uint64_t open_descriptors() {
  DIR* const folder = ::opendir("/proc/self/fd");
  if (folder == nullptr) return 0;
  std::uint64_t count = 0;
  while (const dirent* entry = ::readdir(folder)) count += entry->d_name[0] == '.' ? 0 : 1;
  ::closedir(folder);
  return count - 1;  // without the folder's own
}

std::uint64_t most_descriptors() {
  rlimit limit{};
  return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 ? std::uint64_t{limit.rlim_cur} : 0;
}

}  // namespace

ProcessMetrics::ProcessMetrics() : started_(start_time()) {
  metrics::append_label(build_, "version", kVersion);
  metrics::append_label(build_, "commit", cli::built_from());
}

std::span<const Row> ProcessMetrics::all() { return kRows; }

void ProcessMetrics::write(metrics::Text& to) const {
  const auto [mapped, resident] = memory();
  std::size_t next = 0;
  to.begin(kRows[next++]);
  to.add(build_, std::uint64_t{1});
  to.add(kRows[next++], seconds_of(CLOCK_PROCESS_CPUTIME_ID));
  to.add(kRows[next++], resident);
  to.add(kRows[next++], mapped);
  to.add(kRows[next++], open_descriptors());
  to.add(kRows[next++], most_descriptors());
  to.add(kRows[next++], started_);
}

}  // namespace zebu::scrape
