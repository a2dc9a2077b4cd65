#pragma once

#include <chrono>
#include <cstddef>
#include <optional>

namespace zebu::consumer {

// How many jobs to prefetch, judging by the run times of the last ones. No job waits behind a long one, because another
// consumer could run it. If jobs take up to a few milliseconds, each slot has its next job, so that it never waits for
// the loop. If they take microseconds, hundreds are prefetched, so that no slot waits for a round trip to the broker.
class Pace {
 public:
  void add(std::chrono::microseconds ran);
  // Forgets the run times: no job is prefetched until short ones are seen again.
  void reset() { average_us_.reset(); }

  // Jobs to prefetch for each slot, besides the running one: about 2 ms of work, and at least one unless jobs are long.
  [[nodiscard]] std::size_t prefetch() const;
  // Jobs that one slot has at once, including the running one: about 0.3 ms of work, and at least two unless jobs are
  // long.
  [[nodiscard]] std::size_t batch() const;

 private:
  [[nodiscard]] bool is_short() const;

  std::optional<double> average_us_;
};

}  // namespace zebu::consumer
