#pragma once

#include "broker/store/sqlite/queues.h"
#include "broker/store/sqlite/rows.h"

#include <algorithm>

namespace zebu::broker {

// The counters of the whole store: how many jobs are in each state, here and in each queue (SqliteQueues), and what
// else is one number for all.
class JobCounts {
 public:
  explicit JobCounts(SqliteQueues& queues) : queues_(queues) {}

  void load(const Counters& counters) { counters_ = counters; }
  [[nodiscard]] const Counters& counters() const { return counters_; }

  void set_clock_ahead(std::chrono::milliseconds ahead) { counters_.clock_ahead = ahead; }
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
