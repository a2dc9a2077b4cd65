#pragma once

#include "broker/engine/jobs/session_id.h"
#include "broker/records/records.h"

#include <boost/container/small_vector.hpp>
#include <boost/intrusive/list.hpp>
#include <boost/intrusive/set.hpp>
#include <boost/intrusive/unordered_set_hook.hpp>

#include <memory>
#include <optional>

namespace zebu::broker {

struct Queue;
class Line;

// Where a job in memory is linked. fresh: accepted, but its commit is not confirmed, so it is left alone.
enum class Place : std::uint8_t { none, fresh, line, schedule, running, finished };

namespace hooks {
using Index = boost::intrusive::unordered_set_base_hook<>;
using List = boost::intrusive::list_base_hook<>;
struct OrderTag;
using Order = boost::intrusive::set_base_hook<boost::intrusive::tag<OrderTag>, boost::intrusive::optimize_size<true>>;
struct DeadlineTag;
using Deadline =
    boost::intrusive::set_base_hook<boost::intrusive::tag<DeadlineTag>, boost::intrusive::optimize_size<true>>;
}  // namespace hooks

// Clients that wait for a job; may contain sessions that are gone.
using WaiterList = boost::container::small_vector<SessionId, 1>;

// What few jobs have.
struct JobExtras {
  std::optional<SessionId> failed_on;  // where the newest attempt failed: another consumer is preferred
  std::unique_ptr<Progress> progress;  // all of the newest attempt's
  AttemptLog attempts;                 // those that ended, and did not end the job
  // The attempt with whose consumer other jobs were lost too: one of them may have brought it down. 0: it is no
  // suspect.
  std::uint32_t suspected_since = 0;
  std::chrono::milliseconds suspected_until{0};  // an attempt of it has run for longer than this
};

// A job's place in the index. It comes first, since a search reads nothing else of a job.
struct Indexed : hooks::Index {
  JobId id;  // as in the spec
};

// A job as the engine sees it. In this order it takes five lines of the processor's cache; a sixth one costs the broker
// 5 % of its time.
struct Job : Indexed, hooks::List, hooks::Order, hooks::Deadline {
  SharedSpec spec;
  Queue* queue = nullptr;            // while it is not finished
  Line* line = nullptr;              // while it is linked in one
  std::optional<InstanceId> holder;  // got the newest attempt, and may claim it back after a broken connection
  JobState state = JobState::queued;
  Place place = Place::none;
  bool cancel_asked = false;
  bool is_start_recorded = false;  // of the newest attempt
  bool has_deadline = false;       // is in the tree of deadlines
  bool has_started = false;        // under this broker
  Uses uses;
  BatchNumber batch = 0;  // of its newest record; 0: none since the start, so nothing to wait for
  boost::intrusive::list<Job, boost::intrusive::base_hook<hooks::List>>* list = nullptr;  // that it is in
  std::optional<SessionId> session;  // while running: the session that has it; unset: its holder is not back yet
  SharedText consumer;               // of the newest attempt, unless the log has it; unset: there is none
  WallTime due{};                    // valid while scheduled
  WallTime deadline{};    // valid with has_deadline: it expires, has run too long, or is forgotten (if transient)
  WallTime started{};     // valid with has_started: the newest attempt
  WallTime finished{};    // valid in a final state
  SharedOutcome outcome;  // set in a final state; while it waits for a retry: the last attempt's
  std::unique_ptr<JobExtras> extras;   // unset: it has none
  std::optional<SessionId> submitter;  // while fresh: gets ACCEPTED when the job is durable
  WaiterList waiters;

  [[nodiscard]] bool is_transient() const { return spec->options.transient; }
  [[nodiscard]] ScheduleKey schedule_key() const { return {due, spec->sequence}; }
  [[nodiscard]] JobExtras& need_extras() {
    if (!extras) extras = std::make_unique<JobExtras>();
    return *extras;
  }
  [[nodiscard]] std::optional<SessionId> failed_on() const { return extras ? extras->failed_on : std::nullopt; }
  [[nodiscard]] bool is_suspect() const { return extras && extras->suspected_since > 0; }
  [[nodiscard]] const Progress* progress() const { return extras ? extras->progress.get() : nullptr; }
  [[nodiscard]] AttemptLog attempts() const { return extras ? extras->attempts : nullptr; }
  [[nodiscard]] LastAttempt last_attempt() const { return consumer ? LastAttempt{started, consumer} : LastAttempt{}; }
};

// Its time is that of the wall clock: it has not been tried yet.
[[nodiscard]] inline bool follows_wall(const Job& job) { return job.spec->is_due_by_wall && job.uses.attempt == 0; }

struct ByLineKey {
  using type = LineKey;
  type operator()(const Job& job) const { return line_key(*job.spec); }
};
struct ByScheduleKey {
  using type = ScheduleKey;
  type operator()(const Job& job) const { return job.schedule_key(); }
};
struct ByDeadline {
  using type = std::pair<WallTime, std::uint64_t>;
  type operator()(const Job& job) const { return {job.deadline, job.spec->sequence}; }
};

using JobList = boost::intrusive::list<Job, boost::intrusive::base_hook<hooks::List>>;
template <class Key, class Hook>
using JobTree = boost::intrusive::set<Job, boost::intrusive::base_hook<Hook>, boost::intrusive::key_of_value<Key>>;
using Schedule = JobTree<ByScheduleKey, hooks::Order>;
using Deadlines = JobTree<ByDeadline, hooks::Deadline>;

}  // namespace zebu::broker
