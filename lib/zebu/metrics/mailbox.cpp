#include "zebu/metrics/mailbox.h"

namespace zebu::metrics {

bool Mailbox::is_wanted(TimePoint now) const {
  const TimePoint asked{TimePoint::duration(asked_.load(std::memory_order_relaxed))};
  return asked != TimePoint::min() && now - asked < kLately;
}

void Mailbox::put(std::string text, TimePoint now) {
  auto letter = std::make_shared<const Letter>(Letter{std::move(text), now});
  const Lock lock(mutex_);
  newest_.swap(letter);  // the older one is freed without the lock
}

std::shared_ptr<const Mailbox::Letter> Mailbox::ask(TimePoint now) {
  asked_.store(now.time_since_epoch().count(), std::memory_order_relaxed);
  const Lock lock(mutex_);
  return newest_;
}

}  // namespace zebu::metrics
