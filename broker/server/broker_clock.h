#pragma once

#include "zebu/job.h"

namespace zebu::broker {

// The broker's own time, which the engine has instead of the wall clock: it begins where the broker before this one
// stopped, by the wall clock, and goes like the steady clock from then on. Whoever sets the wall clock moves no limit,
// delay or expiry.
class BrokerClock {
 public:
  // ahead: as the store remembers it (ClockChanged).
  explicit BrokerClock(std::chrono::milliseconds ahead) {
    const Moment start = Moment::now();
    steady_ = start.steady;
    wall_ = start.wall - ahead;
    ahead_ = ahead;
  }

  // `wall` is the broker's own time.
  [[nodiscard]] Moment now() const {
    const TimePoint steady = Clock::now();
    return {steady, own(steady)};
  }
  // How far the wall clock is ahead of it. Changes that are within the precision of both clocks are none.
  [[nodiscard]] std::chrono::milliseconds ahead() {
    constexpr std::chrono::milliseconds kPrecision{20};
    const Moment now = Moment::now();
    if (Clock::now() - now.steady > kPrecision / 2) return ahead_;  // it was interrupted between the two clocks
    const auto ahead = now.wall - own(now.steady);
    if (std::chrono::abs(ahead - ahead_) > kPrecision) ahead_ = ahead;
    return ahead_;
  }

 private:
  [[nodiscard]] WallTime own(TimePoint steady) const {
    return wall_ + std::chrono::floor<std::chrono::milliseconds>(steady - steady_);
  }

  TimePoint steady_{};
  WallTime wall_{};
  std::chrono::milliseconds ahead_{0};
};

}  // namespace zebu::broker
