// Loaded into a program with LD_PRELOAD, it makes the disk slow, or says how slow it is: each fsync and fdatasync takes
// $ZEBU_SYNC_MS milliseconds or $ZEBU_SYNC_US microseconds longer, and does not begin before the file $ZEBU_SYNC_WHEN
// is there; the file $ZEBU_SYNC_TIMES gets the median of all of them when the program ends. All of these may be left
// out.
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <dlfcn.h>
#include <fstream>
#include <mutex>
#include <thread>
#include <unistd.h>
#include <vector>

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

class Times {
 public:
  ~Times() {
    const char* file = std::getenv("ZEBU_SYNC_TIMES");
    if (file == nullptr || times_.empty()) return;
    const auto middle = times_.begin() + static_cast<std::ptrdiff_t>(times_.size() / 2);
    std::nth_element(times_.begin(), middle, times_.end());
    std::ofstream(file) << "sync_p50_us " << std::chrono::duration<double, std::micro>(*middle).count() << '\n';
  }
  void add(Clock::duration time) {
    const std::lock_guard lock(mutex_);
    times_.push_back(time);
  }

 private:
  std::mutex mutex_;
  std::vector<Clock::duration> times_;
};

void wait_for_disk() {
  if (const char* file = std::getenv("ZEBU_SYNC_WHEN")) {
    while (::access(file, F_OK) != 0) std::this_thread::sleep_for(2ms);
  }
  if (const char* ms = std::getenv("ZEBU_SYNC_MS")) {
    std::this_thread::sleep_for(std::chrono::milliseconds(std::strtol(ms, nullptr, 10)));
  }
  if (const char* us = std::getenv("ZEBU_SYNC_US")) {
    std::this_thread::sleep_for(std::chrono::microseconds(std::strtol(us, nullptr, 10)));
  }
}

using Sync = int (*)(int);

int sync_slowly(Sync sync, int file) {
  static Times times;
  static const bool is_timed = std::getenv("ZEBU_SYNC_TIMES") != nullptr;
  const auto begin = Clock::now();
  wait_for_disk();
  const int result = sync(file);
  if (is_timed) times.add(Clock::now() - begin);
  return result;
}

Sync system_call(const char* name) { return reinterpret_cast<Sync>(::dlsym(RTLD_NEXT, name)); }

}  // namespace

extern "C" {

int fsync(int file) {
  static const Sync sync = system_call("fsync");
  return sync_slowly(sync, file);
}
int fdatasync(int file) {
  static const Sync sync = system_call("fdatasync");
  return sync_slowly(sync, file);
}
}
