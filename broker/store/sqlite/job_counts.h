#pragma once

#include "broker/store/sqlite/queues.h"
#include "broker/store/sqlite/rows.h"

#include <algorithm>

namespace zebu::broker {

// How many jobs are in each state: of the whole store, and of each queue (SqliteQueues).
class JobCounts {
 public:
  explicit JobCounts(SqliteQueues& queues) : queues_(queues) {}

  void load(const Counters& counters) { counters_ = counters; }
  [[nodiscard]] const Counters& counters() const { return counters_; }

  void enter(const JobSpec& spec, JobState state) {
    counters_.next_sequence = std::max(counters_.next_sequence, spec.sequence + 1);
    ++count(state);
    queues_.enter(spec, state);
  }
  void move(const JobSpec& spec, JobState from, JobState to) {
    if (from == to) return;
    --count(from);
    ++count(to);
    queues_.leave(spec, from);
    queues_.enter(spec, to);
  }
  // A finished job is dropped.
  void drop(const std::string& queue, JobState state) {
    --count(state);
    if (state == JobState::failed) queues_.drop_failed(queue);
  }

 private:
  std::uint64_t& count(JobState state) { return counters_.counts[static_cast<std::size_t>(state)]; }

  SqliteQueues& queues_;
  Counters counters_;
};

}  // namespace zebu::broker
