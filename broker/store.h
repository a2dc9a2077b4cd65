#pragma once

#include "job_table.h"

#include <zebu/error.h>

#include <functional>
#include <variant>
#include <vector>

namespace zebu::broker {

// What changed of durable jobs, in order. The engine makes records, a store keeps what they add up to.
struct JobAccepted {
  SharedSpec spec;
};
struct AttemptStarted {
  JobId id;
  std::uint32_t attempt = 0;
  InstanceId holder;
};
// An attempt ended without an outcome; the job is queued again. `attempt` counts what was used up.
struct JobPutBack {
  JobId id;
  std::uint32_t attempt = 0;
};
struct JobFinished {
  JobId id;
  SharedOutcome outcome;
  WallTime finished{};
};
using Record = std::variant<JobAccepted, AttemptStarted, JobPutBack, JobFinished>;

// A job as a store gives it back.
struct StoredJob {
  SharedSpec spec;
  JobState state = JobState::queued;
  std::uint32_t attempt = 0;
  InstanceId holder;
  SharedOutcome outcome;  // in a final state
  WallTime finished{};
};

// Where durable jobs live. A commit holds all of its records or, after a crash, a prefix of the commits; after an error
// the store is dead, and the broker with it (docs/architecture.md). Every implementation passes
// tests/unit/store_test.cpp.
class Store {
 public:
  virtual ~Store() = default;

  // "memory"; shown to people.
  [[nodiscard]] virtual std::string_view name() const = 0;
  // Returns once the records are as safe as this store makes them.
  [[nodiscard]] virtual Result<void> commit(std::vector<Record> records) = 0;
  // Every job that is kept: unfinished ones by sequence, then finished ones, oldest first.
  [[nodiscard]] virtual Result<void> recover(const std::function<void(StoredJob)>& visit) = 0;
};

}  // namespace zebu::broker
