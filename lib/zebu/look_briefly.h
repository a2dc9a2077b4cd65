#pragma once

#include "zebu/job.h"

#include <algorithm>
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

// The same for one who looks often: after looks in vain it leaves some out, more each time, up to 63, until one was
// worth it again. So what comes too late to be met costs little.
class BriefLooks {
 public:
  explicit BriefLooks(std::chrono::microseconds moment) : moment_(moment) {}

  template <class IsThere>
  bool look(IsThere&& is_there) {
    if (left_out_ > 0) {
      --left_out_;
      return is_there();
    }
    const bool is_met = look_briefly(moment_, is_there);
    in_vain_ = is_met ? 0 : std::min(in_vain_ + 1, 6);
    left_out_ = (1 << in_vain_) - 1;
    return is_met;
  }

 private:
  std::chrono::microseconds moment_;
  int in_vain_ = 0;  // in a row, as far as it matters
  int left_out_ = 0;
};

}  // namespace zebu
