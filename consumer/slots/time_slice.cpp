#include "consumer/slots/time_slice.h"

#include <sys/resource.h>
#include <sys/syscall.h>

#include <cstdint>
#include <sched.h>
#include <unistd.h>

namespace zebu::consumer {
namespace {

// struct sched_attr of sched_setattr(2), first version; libc has no wrapper for either.
struct SchedulingAttributes {
  std::uint32_t size = sizeof(SchedulingAttributes);
  std::uint32_t policy = SCHED_OTHER;
  std::uint64_t flags = 0;
  std::int32_t nice = 0;
  std::uint32_t priority = 0;
  std::uint64_t runtime_ns = 0;  // with SCHED_OTHER: the length of a slice, 0.1 to 100 ms
  std::uint64_t deadline_ns = 0;
  std::uint64_t period_ns = 0;
};

}  // namespace

void run_in_long_slices() {
  SchedulingAttributes attributes;
  attributes.nice = getpriority(PRIO_PROCESS, 0);
  attributes.runtime_ns = 20'000'000;
  // If the kernel refuses, the thread keeps its usual slices.
  static_cast<void>(syscall(SYS_sched_setattr, 0, &attributes, 0));
}

}  // namespace zebu::consumer
