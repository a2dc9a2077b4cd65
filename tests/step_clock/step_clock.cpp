// Loaded into a program with LD_PRELOAD, it moves the program's wall clock: by the nanoseconds that the file
// $ZEBU_CLOCK_FILE holds, a signed number of 8 bytes. Whoever writes another number there steps the clock of the
// program while it runs, and of its children. All other clocks stay as they are.
//
// What waits for a time of the wall clock in the kernel (a timer or a lock with CLOCK_REALTIME) is not moved.
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <fcntl.h>
#include <unistd.h>

namespace {

using Offset = std::atomic<std::int64_t>;
static_assert(Offset::is_always_lock_free && sizeof(Offset) == 8);

constexpr std::int64_t kSecond = 1'000'000'000;

Offset* open_offset() {
  static Offset none = 0;
  const char* file = std::getenv("ZEBU_CLOCK_FILE");
  if (file == nullptr) return &none;
  const int descriptor = ::open(file, O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) std::abort();  // a test whose clock does not step would prove nothing
  void* mapped = ::mmap(nullptr, sizeof(Offset), PROT_READ, MAP_SHARED, descriptor, 0);
  if (mapped == MAP_FAILED) std::abort();
  ::close(descriptor);
  return static_cast<Offset*>(mapped);
}

std::int64_t offset() {
  static Offset* const here = open_offset();
  return here->load(std::memory_order_relaxed);
}

// The kernel is asked directly: a look-up of libc's own function could come before there is an allocator.
int real_time(clockid_t clock, timespec* time) { return static_cast<int>(::syscall(SYS_clock_gettime, clock, time)); }

timespec wall_time() {
  timespec now{};
  real_time(CLOCK_REALTIME, &now);
  const std::int64_t moved = now.tv_sec * kSecond + now.tv_nsec + offset();
  return {static_cast<time_t>(moved / kSecond), static_cast<long>(moved % kSecond)};
}

}  // namespace

extern "C" {

int clock_gettime(clockid_t clock, timespec* time) {
  if (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE) return real_time(clock, time);
  *time = wall_time();
  return 0;
}
int gettimeofday(timeval* time, void* /*zone*/) {
  const timespec now = wall_time();
  *time = {now.tv_sec, now.tv_nsec / 1000};
  return 0;
}
time_t time(time_t* into) {
  const timespec now = wall_time();
  if (into != nullptr) *into = now.tv_sec;
  return now.tv_sec;
}
}
