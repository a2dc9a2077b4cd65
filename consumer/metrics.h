#pragma once

#include "consumer/dispatcher.h"
#include "zebu/metrics/family.h"

#include <array>
#include <span>
#include <string>

namespace zebu::consumer {

// What a consumer counts for --metrics. One thread, the loop's.
class Counts {
 public:
  // series: most of a metric by task; 0: nothing is counted.
  explicit Counts(std::uint64_t series);

  void ended(const Finished& attempt) {
    if (series_ > 0) count(attempt);
  }

  // Attempts of a task by how they ended.
  struct Outcomes {
    static constexpr std::array kStates = {JobState::succeeded, JobState::failed, JobState::cancelled};
    std::array<std::uint64_t, kStates.size()> attempts{};
  };

  metrics::Family<Outcomes, 1> outcomes;
  metrics::Family<metrics::Histogram, 1> run;
  std::uint64_t slots_died = 0;    // by themselves
  std::uint64_t slots_killed = 0;  // by the consumer
  metrics::Histogram lag;          // how late what comes once a second came

 private:
  void count(const Finished& attempt);

  struct Found {
    Outcomes* outcomes;
    metrics::Histogram* run;
  };
  std::uint64_t series_;
  std::map<const Task*, Found> found_;  // in the families; tasks are the program's own
};

// How the consumer is now.
struct Standing {
  Dispatcher::Slots slots;
  std::size_t held = 0;         // jobs that have not ended
  std::size_t undelivered = 0;  // outcomes that the broker has not confirmed
  bool is_up = false;           // there is a session
};

// The consumer's metrics, in the order in which metrics_text() writes them. docs/operations.md has the same table.
[[nodiscard]] std::span<const metrics::Row> all_metrics();

[[nodiscard]] std::string metrics_text(const Counts& counts, const Standing& now);

}  // namespace zebu::consumer
