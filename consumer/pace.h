#pragma once

#include <chrono>
#include <cstddef>

namespace zebu::consumer {

// How many jobs are worth having ready, from how long the last ones took. Behind long jobs nothing waits that another
// consumer could run; where jobs take microseconds, hundreds lie ready, so that nobody waits for the broker's answer.
class Pace {
 public:
  void add(std::chrono::microseconds ran);
  // Forgets: until short jobs are seen again, nothing is fetched in advance.
  void reset() { average_us_ = kUnknown; }

  // Jobs beyond the running one that each slot has ready: about 2 ms of work.
  [[nodiscard]] std::size_t prefetch() const;
  // Jobs that lie in one slot at once: about 0.3 ms of work, at least one.
  [[nodiscard]] std::size_t batch() const;

 private:
  static constexpr double kUnknown = -1;

  double average_us_ = kUnknown;
};

}  // namespace zebu::consumer
