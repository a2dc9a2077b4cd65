#pragma once

#include "broker/records/records.h"

#include <boost/container/small_vector.hpp>
#include <boost/intrusive/list.hpp>
#include <boost/intrusive/set.hpp>

#include <array>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace zebu::broker {

// One connection of a peer, from its HELLO on. Never used again for another one.
using SessionId = std::uint64_t;

struct Queue;

// Where a job in memory is linked. fresh: accepted, and its commit has not been confirmed: nothing is done with it.
enum class Place { none, fresh, line, schedule, running, finished };

namespace hooks {
using List = boost::intrusive::list_base_hook<>;
struct OrderTag;
using Order = boost::intrusive::set_base_hook<boost::intrusive::tag<OrderTag>, boost::intrusive::optimize_size<true>>;
struct DeadlineTag;
using Deadline =
    boost::intrusive::set_base_hook<boost::intrusive::tag<DeadlineTag>, boost::intrusive::optimize_size<true>>;
}  // namespace hooks

// A job as the engine sees it.
struct Job : hooks::List, hooks::Order, hooks::Deadline {
  SharedSpec spec;
  Queue* queue = nullptr;  // while it is not finished
  JobState state = JobState::queued;
  Place place = Place::none;
  bool cancel_asked = false;
  bool is_start_recorded = false;  // of the newest attempt
  bool has_deadline = false;       // is in the tree of deadlines
  Uses uses;
  BatchNumber batch = 0;  // with which its newest record is durable
  boost::intrusive::list<Job, boost::intrusive::base_hook<hooks::List>>* list = nullptr;  // that it is in
  SessionId session = 0;  // while running: whose assignment it is; 0: its holder has not come back yet
  InstanceId holder;      // who got the newest attempt; may claim it back after a broken connection
  WallTime due{};         // while scheduled
  WallTime deadline{};    // when it expires, or has run for too long, or is forgotten (a transient one)
  WallTime started{};
  WallTime finished{};
  SharedOutcome outcome;               // in a final state; of one that waits for a retry: the last attempt's
  std::unique_ptr<Progress> progress;  // all of the newest attempt's
  SessionId submitter = 0;  // while fresh: to be told ACCEPTED when it is durable; 0: was told with its batch
  boost::container::small_vector<SessionId, 1> waiters;  // clients to tell; may name sessions that are gone

  [[nodiscard]] bool is_transient() const { return spec->options.transient; }
  [[nodiscard]] LineKey line_key() const { return line_key_of(*spec); }
  [[nodiscard]] static LineKey line_key_of(const JobSpec& spec) {
    return {static_cast<std::uint8_t>(kMaxPriority - spec.options.priority), spec.sequence};
  }
  [[nodiscard]] ScheduleKey schedule_key() const { return {due, spec->sequence}; }
};

struct ByLineKey {
  using type = LineKey;
  type operator()(const Job& job) const { return job.line_key(); }
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
using Line = JobTree<ByLineKey, hooks::Order>;
using Schedule = JobTree<ByScheduleKey, hooks::Order>;
using Deadlines = JobTree<ByDeadline, hooks::Deadline>;

// What is in memory of an order that the store has the whole of: all before `edge`, and perhaps more.
template <class Key>
struct Window {
  std::size_t jobs = 0;      // durable ones in memory
  std::size_t bytes = 0;     // of them
  std::uint64_t stored = 0;  // that are in the store only
  std::optional<Key> edge;   // nothing: all are in memory
  bool is_loading = false;
  std::optional<Key> missed;  // the first one that a load under way may not have seen

  [[nodiscard]] bool is_beyond(const Key& key) const { return edge && key >= *edge; }
  // A job at `key` is in the store only, from now on.
  void leave(const Key& key) {
    ++stored;
    if (!edge || key < *edge) edge = key;
    if (is_loading && (!missed || key < *missed)) missed = key;
  }
  // A job at `key` was loaded, but cannot be taken in yet.
  void load_again(const Key& key) {
    if (!edge || key < *edge) edge = key;
  }
};

struct Consumer;

// Jobs a second, smoothed over about ten seconds.
struct Rate {
  std::uint64_t count = 0;
  double per_second = 0;
  std::uint64_t sampled = 0;

  void sample(double seconds);
};

// A named line of jobs: by priority, then oldest first.
struct Queue {
  std::string name;
  Line line;               // queued jobs in memory
  Window<LineKey> window;  // of the durable ones
  bool is_paged = false;   // the engine looks whether more are to come into memory
  std::size_t queued = 0;  // all that are queued, in memory or not
  std::size_t scheduled = 0;
  std::size_t running = 0;
  std::size_t failed = 0;     // durable, and kept
  std::uint64_t bytes = 0;    // of the queued and scheduled ones that are durable
  std::size_t transient = 0;  // of the queued and scheduled ones
  std::uint64_t transient_bytes = 0;
  QueueSettings settings;
  Rate in;
  Rate out;
  std::vector<Consumer*> consumers;               // who serves it, draining ones included
  std::map<std::string, int, std::less<>> tasks;  // task → how many of them know it

  [[nodiscard]] bool is_idle() const {
    return queued + scheduled + running + failed == 0 && consumers.empty() && !settings.is_paused &&
           settings.purge_up_to == 0 && !window.is_loading;
  }
};

// Finished durable jobs that are in memory, for those who ask at once; the store has them all. More of them would only
// push what is under way out of the processor's cache.
inline constexpr std::size_t kDurableKept = 1000;

// Jobs, queues and their places, and nothing of who asks. Keeps counts by state; checks every edge. Of durable jobs
// that are in the store only, it has the counts.
class JobTable {
 public:
  JobTable() = default;
  ~JobTable();
  JobTable(const JobTable&) = delete;
  JobTable& operator=(const JobTable&) = delete;

  [[nodiscard]] Job* find(const JobId& id);
  [[nodiscard]] const Job* find(const JobId& id) const;
  [[nodiscard]] Queue* find_queue(std::string_view name);
  Queue& queue(std::string_view name);
  // Forgets the queue when nothing is in it and nobody serves it.
  void release_if_idle(Queue& queue);

  // A new job that is counted and linked nowhere yet, queued or scheduled.
  Job& add(SharedSpec spec);
  // A job that was counted before, when it left memory or by restore_counts().
  Job& add_stored(const StoredJob& job);
  // One that is finished, not counted again.
  Job& add_finished(const StoredJob& job);
  // Counts a job that stays in the store only.
  void count_in(const JobSpec& spec);
  // Takes a job away that turned out not to be there, in memory or not.
  void count_out(const JobSpec& spec);
  void restore_counts(const Recovered& recovered);

  // Links a job where its state wants it: queued in its queue's line, scheduled in the schedule, and both among the
  // deadlines.
  void link(Job& job);
  // Links it into a list: that of the fresh jobs, a consumer's, ….
  static void link(Job& job, JobList& list, Place place);
  // Unlinks it, and forgets it without another trace: the store has it.
  void drop(Job& job);

  // The edges. What is linked is unlinked first.
  void start(Job& job, JobList& list);
  // running → queued or (with due) scheduled; to be linked, or dropped, by the caller.
  void put_back(Job& job);
  void reschedule(Job& job, WallTime due);
  // scheduled → queued; likewise.
  void make_due(Job& job);
  // Any → final, into the list of finished ones.
  void finish(Job& job, SharedOutcome outcome, WallTime now);

  // Of a job that is not finished when it is to end, of a finished one when it is to be forgotten.
  void set_deadline(Job& job, WallTime deadline);
  void clear_deadline(Job& job);

  // Forgets the oldest finished jobs: of durable ones until at most kDurableKept and `jobs` are left, of transient ones
  // until `jobs` are; of both until they have at most `bytes`, durable ones first. No durable one of a batch after
  // `settled`, because the store does not know its outcome yet.
  void trim_finished(std::size_t jobs, std::size_t bytes, BatchNumber settled);
  // Forgets finished jobs whose deadline has come.
  void forget_due(WallTime now);
  // Forgets transient jobs that were finished by then, but those with a deadline of their own.
  void forget_transient(WallTime finished);
  // Forgets a finished job now.
  void forget(Job& job);

  [[nodiscard]] std::uint64_t count(JobState state) const { return counts_[static_cast<std::size_t>(state)]; }
  void uncount(JobState state, std::uint64_t jobs) { counts_[static_cast<std::size_t>(state)] -= jobs; }
  [[nodiscard]] const std::map<std::string, std::unique_ptr<Queue>, std::less<>>& queues() const { return queues_; }
  [[nodiscard]] const std::unordered_map<JobId, Job>& in_memory() const { return jobs_; }
  [[nodiscard]] std::uint64_t next_sequence() const { return next_sequence_; }
  [[nodiscard]] std::uint64_t take_sequence() { return next_sequence_++; }
  [[nodiscard]] Schedule& schedule() { return schedule_; }
  [[nodiscard]] Deadlines& deadlines() { return deadlines_; }
  [[nodiscard]] const Schedule& schedule() const { return schedule_; }
  [[nodiscard]] const Deadlines& deadlines() const { return deadlines_; }
  [[nodiscard]] const Deadlines& forgetting() const { return forgetting_; }
  [[nodiscard]] JobList& fresh() { return fresh_; }
  Window<ScheduleKey> schedule_window;

 private:
  struct Finished {
    JobList jobs;  // oldest first
    std::size_t bytes = 0;
  };

  void move(Job& job, JobState to);
  void unlink(Job& job);
  void link_finished(Job& job);
  [[nodiscard]] Deadlines& deadlines_of(const Job& job) { return is_final(job.state) ? forgetting_ : deadlines_; }
  [[nodiscard]] Finished& finished_like(const Job& job) {
    return job.is_transient() ? transient_finished_ : durable_finished_;
  }
  // Adds (+1) or takes away (-1) a waiting job in the counts of its queue.
  static void count_waiting(Queue& queue, const JobSpec& spec, JobState state, int by);
  Job& insert(SharedSpec spec, JobState state);

  std::unordered_map<JobId, Job> jobs_;
  std::map<std::string, std::unique_ptr<Queue>, std::less<>> queues_;
  Schedule schedule_;
  Deadlines deadlines_;   // of jobs that are not finished
  Deadlines forgetting_;  // of finished ones
  JobList fresh_;
  Finished transient_finished_;
  Finished durable_finished_;
  std::array<std::uint64_t, kJobStates> counts_{};
  std::uint64_t next_sequence_ = 1;
};

}  // namespace zebu::broker
