#pragma once

#include "broker/records/attempts.h"
#include "broker/records/job_spec.h"

#include <array>
#include <compare>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace zebu::broker {

// The number of a commit, from 1. Decisions made while batch n was open are durable once n is committed.
using BatchNumber = std::uint64_t;

// Changes of durable jobs, in order. The engine makes records, a store keeps the state that they add up to. Every
// record about a job but JobForgotten carries its spec, which has the keys under which a store has the job. `earlier`
// is the whole log of the job's attempts from then on.

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
// The same attempt may be recorded again.
struct AttemptStarted {
  SharedSpec spec;
  std::uint32_t attempt = 0;
  InstanceId holder;
  bool cancel_asked = false;  // a stop was requested
  LastAttempt at = {};
  AttemptLog earlier = {};
  std::optional<std::uint32_t> losses = {};  // set when its consumer came back: the count without this loss
};
// A running job is queued again.
struct JobPutBack {
  SharedSpec spec;
  Uses uses;
  bool has_ended = false;  // the attempt ended or was given back, so it cannot be claimed
  AttemptLog earlier = {};
};
// A running job waits for `due` to be queued again; `last` is how its last attempt ended. It has no holder. Or a
// scheduled one gets another time, because the wall clock was set.
struct JobRescheduled {
  SharedSpec spec;
  Uses uses;
  WallTime due{};
  SharedOutcome last;
  AttemptLog earlier = {};
};
// A scheduled job's time has come: it is queued.
struct JobDue {
  SharedSpec spec;
  bool in_line = false;  // as in JobAccepted
};
// forget_at: when the outcome is dropped; unset: only by JobForgotten. last: the attempt that ended the job, if one
// did. holder: as the job has it, so that a store need not look it up.
struct JobFinished {
  SharedSpec spec;
  Uses uses;
  SharedOutcome outcome;
  WallTime finished{};
  std::optional<WallTime> forget_at;
  LastAttempt last = {};
  AttemptLog earlier = {};
  std::optional<InstanceId> holder = {};
};
// A finished job is dropped: at a time, or now (a failed one that was retried or purged).
struct JobForgotten {
  JobId id;
  std::optional<WallTime> at = {};
};
// Settings of a queue, all of them. Without any (a queue that is not paused and purges nothing) it is forgotten.
struct QueueChanged {
  QueueSettings settings;
};
// A consumer has a session, or said BYE or was lost. After a restart the broker waits for the consumers with a session.
// A consumer is late if a restarted broker gave it up and it then came back with attempts. Those may have been assigned
// to others since, so its claims to unrecorded attempts are refused, and its starts are recorded before they are sent.
struct ConsumerChanged {
  InstanceId instance;
  bool is_there = false;
  bool is_late = false;
};
// How far the wall clock is ahead of the broker's own time from now on: somebody has set it.
struct ClockChanged {
  std::chrono::milliseconds ahead{0};
};

// Which value pieces are of: a job's arguments, or the result of one of its attempts. Of a failed attempt it is the
// entry of OUTCOME: [id, attempt, state, error, run_us].
struct ValueName {
  JobId job;
  std::uint32_t attempt = 0;  // 0: the arguments

  auto operator<=>(const ValueName&) const = default;
};
// The next bytes of a large value. The first JobAccepted (of arguments) or JobFinished (of a result) of this job that
// comes when all bytes are there takes them. Until then no read sees them, and a restart drops them.
struct ValuePiece {
  ValueName name;
  std::string_view bytes;  // of the value, which is in `owner`, or in the record that has it
  std::shared_ptr<const void> owner;
};
// No more pieces of this value come, and no record takes them any more. If none has, they are dropped.
struct ValueClosed {
  ValueName name;
};
using Record = std::variant<JobAccepted, JobEvicted, AttemptStarted, JobPutBack, JobRescheduled, JobDue, JobFinished,
                            JobForgotten, QueueChanged, ConsumerChanged, ValuePiece, ValueClosed, ClockChanged>;

// A job as a store returns it.
struct StoredJob {
  SharedSpec spec;
  JobState state = JobState::queued;
  Uses uses;
  std::optional<InstanceId> holder;  // the consumer of the newest recorded attempt, while it may claim the attempt
  bool cancel_asked = false;         // valid while running
  WallTime due{};                    // valid while scheduled
  SharedOutcome outcome;             // set in a final state; while it waits for a retry: the last attempt's
  WallTime finished{};               // valid in a final state
  // Bytes of the arguments, and of the result or error, that the store did not read (ListFilter::with_large).
  std::size_t args_left_out = 0;
  std::size_t result_left_out = 0;
  LastAttempt last = {};    // while running: the newest recorded one; in a final state: the one that ended it
  AttemptLog earlier = {};  // attempts before
};
// A job's share of a page (kPageBytes).
[[nodiscard]] inline std::size_t size_of(const StoredJob& job) {
  return job.outcome ? size_of(*job.spec, *job.outcome) : job.spec->size();
}

// JobAccepted for a job that was not taken: the store has its id already (then `of` is the same id), or an unfinished
// job, or one that succeeded not long ago, has its unique key: `of`. The record had no effect.
struct Duplicate {
  SharedSpec spec;
  JobId of;
};

// The line in which a job waits. A hold always applies to a whole line, never to a job inside one.
struct LineName {
  std::string queue;
  std::string task;
  std::string key;  // the job's owner; always empty for now

  auto operator<=>(const LineName&) const = default;
};
[[nodiscard]] inline LineName line_name(const JobSpec& spec) { return {spec.queue, spec.task, {}}; }

// Where a job stands in its line: by priority, then by age. A queue's order is the merge of its lines.
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

using ExpiryKey = ScheduleKey;  // with the time at which it expires

struct ListFilter {
  // `running` also includes queued jobs in the engine's memory, because only the engine knows which have just started.
  std::optional<JobState> state;
  std::string queue;  // empty: any
  std::string task;   // empty: any
  std::string after;  // `next` of the previous page; empty: from the newest job
  std::uint32_t limit = 100;
  // Also the bytes of large values (kLargeValue). Without it such arguments and results are empty.
  bool with_large = false;
};
// A page ends after so many bytes of jobs, results and errors, or one job that is larger.
inline constexpr std::size_t kPageBytes = 1 << 20;
struct ListPage {
  std::vector<StoredJob> jobs;  // newest first (list_place.h)
  std::string next;             // `after` of the next page; empty: this is the last page
};

// A finished job that forget() or forget_failed() dropped.
struct Dropped {
  JobId id;
  JobState state = JobState::succeeded;
  std::string queue;
};

// The durable jobs of a queue, in the engine's memory or not.
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
  std::vector<LineName> lines;  // that have jobs for load_queued()
  std::vector<QueueSettings> settings;
  std::vector<KnownConsumer> consumers;  // that had a session
  std::array<std::uint64_t, kJobStates> counts{};
  std::uint64_t next_sequence = 1;           // above every committed one
  std::chrono::milliseconds clock_ahead{0};  // ClockChanged
};

}  // namespace zebu::broker
