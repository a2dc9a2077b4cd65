#include "zebu/metrics/mailbox.h"

#include <ctime>

namespace zebu::metrics {

TimePoint::duration Mailbox::processor_time() {
  timespec time{};
  if (::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time) != 0) return {};
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

bool Mailbox::is_wanted(TimePoint now) const {
  const TimePoint asked{TimePoint::duration(asked_.load(std::memory_order_relaxed))};
  return asked != TimePoint::min() && now - asked < kLately && now >= next_;
}

void Mailbox::put(std::string text, TimePoint now, TimePoint::duration took) {
  const TimePoint::duration pause = kPause * took;
  next_ = now + pause;
  auto letter = std::make_shared<const Letter>(Letter{std::move(text), now, kFresh + pause});
  const Lock lock(mutex_);
  newest_.swap(letter);  // the older one is freed without the lock
}

std::shared_ptr<const Mailbox::Letter> Mailbox::ask(TimePoint now) {
  asked_.store(now.time_since_epoch().count(), std::memory_order_relaxed);
  const Lock lock(mutex_);
  return newest_;
}

}  // namespace zebu::metrics
