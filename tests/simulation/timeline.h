#pragma once

#include "tests/simulation/trace.h"
#include "zebu/job.h"

#include <functional>
#include <map>

namespace zebu::simulation {

// Invented time: what is to happen, by when. What happens at the same time happens in the order of asking.
class Timeline {
 public:
  [[nodiscard]] Time now() const { return now_; }
  [[nodiscard]] Moment moment() const {
    const WallTime start{std::chrono::hours(24 * 20'000)};
    return {TimePoint(std::chrono::hours(1) + now_), start + std::chrono::floor<std::chrono::milliseconds>(now_)};
  }

  void at(Time time, std::function<void()> what) { events_.emplace(std::pair(std::max(time, now_), next_++), what); }
  void after(Time delay, std::function<void()> what) { at(now_ + delay, std::move(what)); }
  // False when nothing is to happen any more.
  bool step() {
    if (events_.empty()) return false;
    auto event = events_.extract(events_.begin());
    now_ = event.key().first;
    event.mapped()();
    return true;
  }

 private:
  Time now_{0};
  std::uint64_t next_ = 0;
  std::map<std::pair<Time, std::uint64_t>, std::function<void()>> events_;
};

}  // namespace zebu::simulation
