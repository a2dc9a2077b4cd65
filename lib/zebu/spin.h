#pragma once

#include "zebu/job.h"

#include <algorithm>
#include <chrono>
#include <sched.h>

namespace zebu {

// Waits for is_there() without sleeping, for at most `time`: an event that comes soon is found sooner than a sleeping
// core wakes up. Between two calls of is_there() the core is left to any other thread that can run. Returns whether
// the event is there. With a time of 0 it asks once.
template <class IsThere>
bool spin(std::chrono::microseconds time, IsThere&& is_there) {
  if (is_there()) return true;
  if (time.count() == 0) return false;
  const TimePoint end = Clock::now() + time;
  do {
    ::sched_yield();
    if (is_there()) return true;
  } while (Clock::now() < end);
  return false;
}

// Spins where spinning pays. Each failed spin doubles how many of the following calls ask only once (at most 63); one
// success resets it. So events that always come too late cost little.
class AdaptiveSpin {
 public:
  explicit AdaptiveSpin(std::chrono::microseconds time) : time_(time) {}

  template <class IsThere>
  bool wait_for(IsThere&& is_there) {
    if (skips_left_ > 0) {
      --skips_left_;
      return is_there();
    }
    const bool has_met = spin(time_, is_there);
    failures_ = has_met ? 0 : std::min(failures_ + 1, kMaxFailures);
    skips_left_ = (1 << failures_) - 1;
    return has_met;
  }

 private:
  static constexpr int kMaxFailures = 6;  // that count; 63 calls are skipped then

  std::chrono::microseconds time_;
  int failures_ = 0;  // in a row
  int skips_left_ = 0;
};

}  // namespace zebu
