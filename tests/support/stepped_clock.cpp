#include "tests/support/stepped_clock.h"

#include "tests/support/paths.h"

#include <sys/mman.h>

#include <atomic>
#include <cerrno>
#include <fcntl.h>
#include <new>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace zebu::test {
namespace {

using Offset = std::atomic<std::int64_t>;

void* mapped(const std::filesystem::path& file) {
  const int descriptor = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor < 0 || ::ftruncate(descriptor, sizeof(Offset)) != 0) {
    throw std::system_error(errno, std::generic_category(), "making " + file.string());
  }
  void* memory = ::mmap(nullptr, sizeof(Offset), PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  ::close(descriptor);
  if (memory == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "mapping " + file.string());
  return new (memory) Offset(0);
}

}  // namespace

SteppedClock::SteppedClock(std::filesystem::path file) : file_(std::move(file)), mapped_(mapped(file_)) {}

SteppedClock::~SteppedClock() { ::munmap(mapped_, sizeof(Offset)); }

std::map<std::string, std::string> SteppedClock::environment() const {
  return {{"LD_PRELOAD", program("step_clock.so")}, {"ZEBU_CLOCK_FILE", file_}};
}

void SteppedClock::set(std::chrono::nanoseconds ahead) { static_cast<Offset*>(mapped_)->store(ahead.count()); }

}  // namespace zebu::test
