// How long this folder's disk takes to sync one page, the way that the store's write-ahead log is written: a frame of 8
// KiB and its header, then fdatasync. A log grows at first and is written over from its start later; both are measured.
#include "bench/figures.h"

#include <CLI/CLI.hpp>

#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <iostream>
#include <system_error>
#include <unistd.h>
#include <vector>

namespace {

using namespace zebu::bench;

constexpr std::size_t kFrame = 8192 + 24;

void measure(int file, int rounds, const std::string& prefix) {
  const std::vector<char> frame(kFrame, 'x');
  Latencies latencies;
  for (int i = 0; i < rounds; ++i) {
    const auto begin = Clock::now();
    const auto at = static_cast<off_t>(i) * static_cast<off_t>(kFrame);
    if (::pwrite(file, frame.data(), frame.size(), at) != static_cast<ssize_t>(frame.size()) ||
        ::fdatasync(file) != 0) {
      throw std::system_error(errno, std::generic_category(), "writing");
    }
    latencies.add(Clock::now() - begin);
  }
  latencies.print(prefix);
}

}  // namespace

int main(int argc, char** argv) {
  std::filesystem::path folder = ".";
  int rounds = 1000;
  CLI::App app("Measures how long a sync takes.", "sync_bench");
  app.add_option("--folder", folder, "on the disk to measure")->capture_default_str();
  app.add_option("--rounds", rounds, "syncs of each kind")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  const auto name = folder / "sync_bench.tmp";
  const int file = ::open(name.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  try {
    if (file < 0) throw std::system_error(errno, std::generic_category(), "opening " + name.string());
    std::filesystem::remove(name);
    measure(file, rounds, "sync_growing");
    measure(file, rounds, "sync_in_place");
  } catch (const std::exception& e) {
    std::cerr << "sync_bench: " << e.what() << '\n';
    return 1;
  }
  return 0;
}
