// Loaded into a program with LD_PRELOAD, it makes the disk slow: each fsync and fdatasync takes $ZEBU_SYNC_MS
// milliseconds or $ZEBU_SYNC_US microseconds longer, and does not begin before the file $ZEBU_SYNC_WHEN is there. All
// of them may be left out.
#include <chrono>
#include <cstdlib>
#include <dlfcn.h>
#include <string>
#include <thread>
#include <unistd.h>

namespace {

using namespace std::chrono_literals;

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

int sync_slowly(const char* name, int file) {
  wait_for_disk();
  return reinterpret_cast<int (*)(int)>(::dlsym(RTLD_NEXT, name))(file);
}

}  // namespace

extern "C" {

int fsync(int file) { return sync_slowly("fsync", file); }
int fdatasync(int file) { return sync_slowly("fdatasync", file); }
}
