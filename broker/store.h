#pragma once

#include "job_spec.h"

#include <zebu/error.h>

#include <array>
#include <compare>
#include <limits>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace zebu::broker {

// What changed of durable jobs, in order. The engine makes records, a store keeps what they add up to. Every record
// that is about a job carries its spec: it says under which keys a store has the job.

// A new job, scheduled when it has spec.due, else queued. With `in_line` a queued one leaves the engine's memory with
// this record, and comes back by load_queued.
struct JobAccepted {
  SharedSpec spec;
  bool in_line = false;
};
// A queued job leaves the engine's memory, into the line.
struct JobEvicted {
  SharedSpec spec;
};
// May be said again of the same attempt.
struct AttemptStarted {
  SharedSpec spec;
  std::uint32_t attempt = 0;
  InstanceId holder;
  bool cancel_asked = false;  // it is to be stopped
};
// A running job is queued again. `uses` says what it has used up so far.
struct JobPutBack {
  SharedSpec spec;
  Uses uses;
  bool has_ended = false;  // the attempt has, or was given back: nobody can claim it
};
// A running job waits for `due` to be queued again; `last` is how its last attempt ended. It has no holder any more.
struct JobRescheduled {
  SharedSpec spec;
  Uses uses;
  WallTime due{};
  SharedOutcome last;
};
// A scheduled job's time has come: it is queued.
struct JobDue {
  SharedSpec spec;
  bool in_line = false;  // as in JobAccepted
};
// forget_at: when the outcome is dropped; nothing: when somebody says so (JobForgotten).
struct JobFinished {
  SharedSpec spec;
  Uses uses;
  SharedOutcome outcome;
  WallTime finished{};
  std::optional<WallTime> forget_at;
};
// A finished job is dropped at `at` (failed ones that were redriven or purged); at the epoch: now.
struct JobForgotten {
  JobId id;
  WallTime at{};
};
// Settings of a queue, all of them. Without any (a queue that is not paused and purges nothing) it is forgotten.
struct QueueChanged {
  QueueSettings settings;
};
// A consumer has a session, or said BYE or was lost: after a restart the broker waits for those that it knew. One is
// late when it was given up, by a restarted broker, and then came back with attempts: those may have gone to others
// since, so it is not believed when it names one that no record tells of, and its starts are recorded first.
struct ConsumerChanged {
  InstanceId instance;
  bool is_there = false;
  bool is_late = false;
};
using Record = std::variant<JobAccepted, JobEvicted, AttemptStarted, JobPutBack, JobRescheduled, JobDue, JobFinished,
                            JobForgotten, QueueChanged, ConsumerChanged>;

// A job as a store gives it back.
struct StoredJob {
  SharedSpec spec;
  JobState state = JobState::queued;
  Uses uses;
  InstanceId holder;          // of the newest attempt that a record told of
  bool cancel_asked = false;  // while running
  WallTime due{};             // when scheduled
  SharedOutcome outcome;      // in a final state; of one that waits for a retry: the last attempt's
  WallTime finished{};        // in a final state
};

// JobAccepted for a job that was not taken: the store has its id already (then `of` is the same id), or an unfinished
// job, or one that succeeded not long ago, has its unique key: `of`. Nothing of the record was applied.
struct Duplicate {
  SharedSpec spec;
  JobId of;
};

// Where a job stands in its queue's line: by priority, then by age.
struct LineKey {
  std::uint8_t rank = 0;  // kMaxPriority - priority: 0 is first
  std::uint64_t sequence = 0;

  auto operator<=>(const LineKey&) const = default;
};
[[nodiscard]] inline LineKey line_key(const JobSpec& spec) {
  return {static_cast<std::uint8_t>(kMaxPriority - spec.options.priority), spec.sequence};
}
struct ScheduleKey {
  WallTime due{};
  std::uint64_t sequence = 0;

  auto operator<=>(const ScheduleKey&) const = default;
};

struct ListFilter {
  // running: and those queued ones that are in the engine's memory, which alone knows what has started just now.
  std::optional<JobState> state;
  std::string queue;  // empty: any
  std::string task;   // empty: any
  std::string after;  // of the page before; empty: from the newest on
  std::uint32_t limit = 100;
};
struct ListPage {
  std::vector<StoredJob> jobs;  // newest id first
  std::string next;             // `after` of the next page; empty: there is none
};

// A finished job that forget() dropped.
struct Dropped {
  JobId id;
  JobState state = JobState::succeeded;
  std::string queue;
};

// What a queue has of durable jobs, in the engine's memory or not.
struct StoredQueue {
  std::string name;
  std::uint64_t queued = 0;
  std::uint64_t scheduled = 0;
  std::uint64_t bytes = 0;   // JobSpec::size() of both
  std::uint64_t failed = 0;  // jobs whose outcome `failed` is kept
};

struct KnownConsumer {
  InstanceId instance;
  bool is_late = false;

  bool operator==(const KnownConsumer&) const = default;
};

struct Recovered {
  // All that ran (state running: AttemptStarted, and nothing after it), and every queued job that is not in line. Of
  // the jobs in line, those that were in the engine's memory may be here too.
  std::vector<StoredJob> jobs;
  std::vector<StoredQueue> queues;
  std::vector<QueueSettings> settings;
  std::vector<KnownConsumer> consumers;  // that had a session
  std::array<std::uint64_t, kJobStates> counts{};
  std::uint64_t next_sequence = 1;  // above every one that was ever committed
};

// Where durable jobs live. A commit holds all of its records or, after a crash, the store holds a prefix of the
// commits. After an error the store is dead, and the broker with it (docs/architecture.md): every later call fails too.
// One thread at a time calls it. Every implementation passes tests/unit/store_test.cpp.
class Store {
 public:
  virtual ~Store() = default;

  // "memory", "sqlite:/var/lib/zebu/zebu.db"; shown to people.
  [[nodiscard]] virtual std::string_view name() const = 0;

  // Once, before all else. What it takes does not grow with what is in line or finished.
  [[nodiscard]] virtual Result<Recovered> recover() = 0;

  // Returns once the records are as safe as this store makes them.
  [[nodiscard]] virtual Result<std::vector<Duplicate>> commit(const std::vector<Record>& records) = 0;

  // After a commit or reads, when their end has been told: what nobody need wait for. An error is found at the next
  // call.
  virtual void tidy() {}

  // In the order of `ids`, nothing for one that is not there.
  [[nodiscard]] virtual Result<std::vector<std::optional<StoredJob>>> find(const std::vector<JobId>& ids) = 0;

  // The first jobs from `from` on in a queue's line, in its order: at most `limit`, and no more after `bytes` of
  // JobSpec::size(). They stay in line until a record takes them out: AttemptStarted, JobRescheduled, JobFinished.
  [[nodiscard]] virtual Result<std::vector<StoredJob>> load_queued(const std::string& queue, LineKey from,
                                                                   std::size_t limit, std::size_t bytes) = 0;
  // The same of all scheduled jobs, by their time.
  [[nodiscard]] virtual Result<std::vector<StoredJob>> load_scheduled(ScheduleKey from, std::size_t limit,
                                                                      std::size_t bytes) = 0;
  // Up to `limit` jobs that are in line or in the schedule and whose `expires` is not after `now`.
  [[nodiscard]] virtual Result<std::vector<StoredJob>> load_expired(WallTime now, std::size_t limit) = 0;

  // A page of jobs, from what the commits so far say. It may hold less than the limit and still have a `next`: a call
  // looks at a bounded number of jobs.
  [[nodiscard]] virtual Result<ListPage> list(const ListFilter& filter) = 0;

  // Drops up to `limit` outcomes whose time is up, and unique keys with them. As many as the limit mean that there may
  // be more.
  [[nodiscard]] virtual Result<std::vector<Dropped>> forget(WallTime now, std::size_t limit) = 0;
};

}  // namespace zebu::broker
