#pragma once

#include <chrono>
#include <cstddef>
#include <optional>

namespace zebu::consumer {

// How many jobs are worth having ready, from how long the last ones took. Behind long jobs nothing waits that another
// consumer could run. Where jobs take up to a few milliseconds, each slot has the next one in hand, so that it never
// waits for the loop; where they take microseconds, hundreds lie ready, so that nobody waits for the broker's answer.
class Pace {
 public:
  void add(std::chrono::microseconds ran);
  // Forgets: until short jobs are seen again, nothing is fetched in advance.
  void reset() { average_us_.reset(); }

  // Jobs beyond the running one that each slot has ready: about 2 ms of work, and at least one unless jobs are long.
  [[nodiscard]] std::size_t prefetch() const;
  // Jobs that lie in one slot at once, with the running one: about 0.3 ms of work, and at least two unless they are
  // long.
  [[nodiscard]] std::size_t batch() const;

 private:
  [[nodiscard]] bool is_short() const;

  std::optional<double> average_us_;
};

}  // namespace zebu::consumer
