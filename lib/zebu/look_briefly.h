#pragma once

#include <zebu/job.h>

#include <chrono>
#include <sched.h>

namespace zebu {

// Looks again and again whether something is there, for a moment, before its caller sleeps: what comes soon is found
// sooner than a sleeping core wakes up. In between the core is left to whoever else can run. True: it is there.
template <class IsThere>
bool look_briefly(std::chrono::microseconds moment, IsThere&& is_there) {
  if (is_there()) return true;
  if (moment.count() == 0) return false;
  const TimePoint end = Clock::now() + moment;
  do {
    ::sched_yield();
    if (is_there()) return true;
  } while (Clock::now() < end);
  return false;
}

}  // namespace zebu
