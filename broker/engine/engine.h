#pragma once

#include "broker/engine/effects.h"
#include "broker/engine/engine_options.h"

#include <deque>
#include <set>

namespace zebu::broker {

// A peer that said HELLO.
struct Session {
  SessionId id = 0;
  message::Role role = message::Role::client;
  std::string name;
  InstanceId instance;
  TimePoint last_heard{};
  std::unique_ptr<Consumer> consumer;  // of role consumer
  // What a consumer names in HELLO and the store has to be asked about. Until that is answered it hears nothing, not
  // even WELCOME: so it says nothing, and no outcome comes before the claim that it belongs to.
  std::size_t open_claims = 0;
  bool is_welcomed = false;
  bool is_to_drain = false;
  std::vector<AttemptId> stops;
};

struct Consumer {
  SessionId session = 0;
  std::vector<Queue*> queues;
  std::vector<std::string> tasks;
  std::uint32_t slots = 1;
  message::PoolKind pool = message::PoolKind::processes;
  std::uint32_t credit = 0;
  bool draining = false;
  bool is_late = false;        // ConsumerChanged
  BatchNumber known_with = 0;  // with which the store knows of it: a restarted broker waits for those only
  JobList running;             // assigned to it, in the order of assignment
  std::uint64_t outcomes = 0;
  BatchNumber outcomes_batch = 0;     // with which the newest of them is durable
  std::uint64_t sealed_outcomes = 0;  // those of the batch that is under way, and all before
  std::uint64_t confirmed = 0;        // that it was told of
  // Outcomes that it was not told of at once, and their bytes: it keeps them until it hears that the broker does.
  std::size_t unconfirmed = 0;
  std::size_t unconfirmed_bytes = 0;
};

// Counts since the start, by what happened.
struct Totals {
  std::uint64_t accepted = 0;
  std::uint64_t refused = 0;
  std::uint64_t attached = 0;  // to another job, by a unique key
  std::uint64_t assigned = 0;
  std::uint64_t returned = 0;  // by a consumer, not started
  std::uint64_t put_back = 0;  // lost with a consumer
  std::uint64_t retried = 0;   // failed, and to run again
  std::uint64_t crashed = 0;   // attempts whose process died
  std::uint64_t succeeded = 0;
  std::uint64_t failed = 0;
  std::uint64_t cancelled = 0;
  std::uint64_t expired = 0;
  std::uint64_t stale_outcomes = 0;  // for attempts that were not their sender's
  std::uint64_t lost_sessions = 0;   // silent, or gone without BYE
};

// All of the broker's decisions, without a socket, a store or a clock: messages and the time go in, records and replies
// come out through Effects. One thread. The server has checked that a message is one that the sender's role may send.
//
// Records gather in the open batch. seal() closes it for its commit; committed() says that it is durable; one batch at
// a time is under way. What depends on a batch carries its number (Effects), and a new durable job is touched by nobody
// before its own is committed (Place::fresh).
class Engine {
 public:
  explicit Engine(const EngineOptions& options) : options_(options) {}
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Takes over what a store has, before the first session. Jobs that ran wait for their consumers to come back: for the
  // liveness time, or until all consumers that were there are there again. Nothing is assigned before.
  void restore(const Recovered& recovered, Moment now);

  void hello(SessionId session, const message::Hello& hello, Moment now, Effects& out);
  // Any message is life; call this for each one that came.
  void heard(SessionId session, Moment now);
  // The peer said BYE, or sending to it showed that it is gone.
  void bye(SessionId session, Effects& out);
  void gone(SessionId session, Effects& out);

  void submit(SessionId session, const message::Submit& submit, Moment now, Effects& out);
  void wait(SessionId session, const message::Wait& wait, Effects& out);
  void leave(SessionId session, const message::Leave& leave);
  void cancel(const message::Cancel& cancel, Moment now, Effects& out);

  void credit(SessionId session, std::uint32_t credit, Effects& out);
  void outcome(SessionId session, const message::OutcomeReport& report, Moment now, Effects& out);
  void give_back(SessionId session, const message::Return& jobs, Moment now, Effects& out);
  void drain(SessionId session, Effects& out);
  void progress(SessionId session, const message::ProgressReports& reports, Effects& out);

  // What people tell it.
  void pause(std::string_view queue, std::string_view reason, Effects& out);
  [[nodiscard]] bool resume(std::string_view queue, Effects& out);  // false: it was not paused
  // Cancels what is queued or scheduled now. Returns how many at once; nothing when the rest follows by and by.
  [[nodiscard]] std::optional<std::size_t> purge(std::string_view queue, Moment now, Effects& out);
  // Tells consumers of that name or instance to drain. Returns how many.
  [[nodiscard]] std::size_t drain_consumers(std::string_view name, Effects& out);
  // A new job like a failed one, which is forgotten; nothing when it is no failed one, or that was done already. With a
  // unique key that another job has it is attached to that one, for session 0, and the failed one stays.
  [[nodiscard]] std::optional<JobId> retry(const StoredJob& failed, const JobId& fresh, Moment now, Effects& out);
  // Forgets a failed job. False: that was done already.
  bool forget_failed(const StoredJob& failed, Effects& out);

  // Once a round, after all messages: lost peers, beats, what is due, forgetting, and the assignments.
  void tick(Moment now, Effects& out);
  // Assignments alone, of what a commit made ready: nothing that time does, which would have to hear all messages
  // first.
  void hand_out(Moment now, Effects& out);
  // When tick must be called though no message came; nothing when there is no need.
  [[nodiscard]] std::optional<TimePoint> next_deadline() const;

  // The number of the open batch, which seal() closes.
  [[nodiscard]] BatchNumber open_batch() const { return open_; }
  BatchNumber seal();
  // All up to `batch` is durable. duplicates: its jobs that were not taken.
  void committed(BatchNumber batch, const std::vector<Duplicate>& duplicates, Moment now, Effects& out);
  [[nodiscard]] BatchNumber settled() const { return settled_; }
  // The last batch that has a record.
  [[nodiscard]] BatchNumber newest_batch() const { return newest_; }
  // Answers of the engine's own reads. Of a Find with an asker, nothing.
  void answered(const ReadAnswer& answer, Moment now, Effects& out);

  [[nodiscard]] const JobTable& jobs() const { return jobs_; }
  [[nodiscard]] const std::unordered_map<SessionId, Session>& sessions() const { return sessions_; }
  [[nodiscard]] const Totals& totals() const { return totals_; }
  // Name of a session's peer; empty when it is gone.
  [[nodiscard]] std::string_view name_of(SessionId session) const;
  // Whether assignments wait for the consumers of before the restart.
  [[nodiscard]] bool is_waiting_for_consumers() const { return hold_until_.has_value(); }

 private:
  // What somebody wants with a job that is not in memory.
  struct WaitFor {
    SessionId session;
  };
  struct ClaimFor {
    SessionId session;
    AttemptId run;
  };
  struct CancelIt {};
  using Wish = std::variant<WaitFor, ClaimFor, CancelIt>;

  // engine_sessions.cpp
  [[nodiscard]] bool is_late(const message::Hello& hello);
  void add_consumer(Session& session, const message::Hello& hello, Effects& out);
  void claim(Session& session, const AttemptId& run, Effects& out);
  void refuse(SessionId session, const AttemptId& run, Effects& out);
  bool skip_stray(Job& job) const;
  void claim(Session& session, const AttemptId& run, Job& job, Effects& out);
  void welcome(Session& session, Effects& out);
  [[nodiscard]] bool has_open_claims() const { return claims_asked_ > 0 || !early_claims_.empty(); }
  void stop(SessionId session, const AttemptId& attempt, BatchNumber batch, Effects& out);
  void remove_consumer(Consumer& consumer);
  enum class End { said_bye, lost, replaced };
  void end_session(SessionId session, End how, Effects& out);
  void check_liveness(Moment now, Effects& out);
  void end_hold(Effects& out);
  void set_limit(Job& job);

  // engine_submit.cpp
  [[nodiscard]] std::optional<Error> why_refused(const message::Submission& job, const JobSpec& spec) const;
  [[nodiscard]] std::optional<Error> why_full(const Queue* queue, const JobSpec& spec) const;
  void accept(SessionId session, const message::Submission& job, bool wait, Moment now, Effects& out);
  void take_in(SharedSpec spec, SessionId session, bool wait, Effects& out);
  void take_in_transient(SharedSpec spec, SessionId session, bool wait, Moment now, Effects& out);
  void add_waiter(Job& job, SessionId session, Effects& out);
  void tell_done(SessionId session, const Job& job, Effects& out) const;
  void wait_for(SessionId session, const JobId& id, Effects& out);
  void tell_accepted(Job& job, Effects& out);
  void settle(Job& job, Effects& out);
  void retried(const JobId& fresh, bool is_taken_in, Effects& out);
  void resolve(const Duplicate& duplicate, Effects& out);
  [[nodiscard]] bool attach_transient(const JobSpec& spec, SessionId session, bool wait, Moment now, Effects& out);

  // engine_attempts.cpp
  void assign(Moment now, Effects& out);
  [[nodiscard]] bool assign_one(Consumer& consumer, Moment now, Effects& out);
  void give(Job& job, Consumer& consumer, Moment now, Effects& out);
  void record_start(Job& job, Effects& out);
  void record_starts(Moment now, Effects& out);
  void confirm(Consumer& consumer, std::uint64_t count, Effects& out);
  void end_attempt(Job& job, const message::Report& report, Moment now, Effects& out);
  void fail_or_retry(Job& job, Outcome outcome, Moment now, Effects& out);
  void fail_or_put_back(Job& job, Outcome outcome, Moment now, Effects& out);
  void lose(Job& job, End how, Effects& out);
  void put_back(Job& job, Effects& out);
  void finish(Job& job, Outcome outcome, Moment now, Effects& out);
  // The job of an attempt that is this session's to finish, or nothing.
  [[nodiscard]] Job* assigned_job(SessionId session, const AttemptId& attempt);

  // engine_timers.cpp
  void move_due(Moment now, Effects& out);
  void meet_deadlines(Moment now, Effects& out);
  void purge_all(Moment now, Effects& out);
  std::size_t purge_some(Queue& queue, Moment now, Effects& out);
  [[nodiscard]] bool has_to_sweep() const;
  void sweep_schedule(ScheduleKey from);
  void swept(const ScheduledLoaded& loaded, Moment now, Effects& out);
  void forget_finished(Moment now);
  void house_keep(Moment now, Effects& out);

  // engine_paging.cpp
  void enter_line(Job& job, Effects& out);
  void enter_schedule(Job& job);
  void evict(Job& job, Effects& out);
  void leave_line(Queue& queue, const LineKey& key);
  void note_edge(Queue& queue);
  void leave_memory(Job& job);
  void shrink(Queue& queue, Effects& out);
  void page(Effects& out);
  void page_lines(Effects& out);
  void loaded(const QueuedLoaded& loaded, Moment now, Effects& out);
  void loaded(const ScheduledLoaded& loaded, Moment now, Effects& out);
  void loaded(const ExpiredLoaded& loaded, Moment now, Effects& out);
  void found(const JobId& id, const std::optional<StoredJob>& stored, Moment now, Effects& out);
  Job& bring_in(const StoredJob& stored);
  void page_in(const StoredJob& stored, Moment now, Effects& out);
  void ask_for(const JobId& id, Wish wish, Effects& out);
  void fulfil(const Wish& wish, const JobId& id, const std::optional<StoredJob>& stored, Moment now, Effects& out);
  [[nodiscard]] std::size_t window_of_a_queue() const;

  void cancel_one(Job& job, Moment now, Effects& out);
  // Of a durable job; a transient one has no records.
  template <class T>
  void record(Job& job, T&& record, Effects& out) {
    if (job.is_transient()) return;
    job.batch = open_;
    write(std::forward<T>(record), out);
  }
  template <class T>
  void write(T&& record, Effects& out) {
    newest_ = open_;
    out.records.emplace_back(std::forward<T>(record));
  }
  [[nodiscard]] BatchNumber due_batch(const Job& job) const { return job.batch > settled_ ? job.batch : 0; }
  [[nodiscard]] Consumer& consumer(SessionId session) { return *sessions_.at(session).consumer; }

  EngineOptions options_;
  JobTable jobs_;
  std::unordered_map<SessionId, Session> sessions_;
  std::unordered_map<InstanceId, SessionId> instances_;
  std::vector<Consumer*> consumers_;
  std::size_t turn_ = 0;  // whose turn it is to get the next job
  std::optional<TimePoint> next_beat_;
  std::optional<TimePoint> next_housekeeping_;
  TimePoint last_housekeeping_{};
  Moment last_{};
  Totals totals_;

  BatchNumber open_ = 1;
  BatchNumber settled_ = 0;
  BatchNumber newest_ = 0;  // the last one with a record
  // Assignments of durable jobs that no record tells of yet: jobs that end soon need none.
  struct Start {
    AttemptId attempt;
    TimePoint record_at;
  };
  std::deque<Start> starts_;
  std::unordered_map<JobId, SessionId> answer_when_settled_;  // submitters of fresh jobs with a unique key
  std::unordered_map<JobId, boost::container::small_vector<SessionId, 1>> absent_waiters_;  // of jobs in the store only
  std::unordered_map<JobId, std::vector<Wish>> wishes_;                                     // what is being looked for
  std::unordered_map<JobId, BatchNumber> just_left_;  // memory, with a batch that no read has seen yet
  // Failed jobs with a unique key that are retried, until the store has said whether the new job got the key; and the
  // other way, from the new job to the failed one.
  std::unordered_map<JobId, StoredJob> retrying_;
  std::unordered_map<JobId, JobId> retried_;
  std::unordered_map<JobId, BatchNumber> forgotten_;  // failed jobs, until the store has forgotten them too
  std::unordered_map<std::string, JobId> unique_;     // transient jobs with a unique key
  JobList orphans_;                                   // ran before the restart; their holders are not here
  std::vector<KnownConsumer> expected_;               // consumers that were there before the restart, and are not back
  BatchNumber given_up_with_ = 0;                     // with which the store knows who did not come back
  std::unordered_map<InstanceId, bool> lost_;         // by this broker, and not back; whether it was late
  std::optional<TimePoint> hold_until_;
  std::vector<ClaimFor> early_claims_;  // of fresh jobs
  // Attempts that a consumer named and may not finish, as long as its session: it may say their outcome, and again.
  // Their jobs may be unknown (transient ones of a broker before, or forgotten) and submitted again: attempts go on
  // from there.
  std::unordered_multimap<JobId, ClaimFor> strays_;
  std::size_t claims_asked_ = 0;      // that wait for the store's word
  std::uint64_t restored_below_ = 1;  // sequences from there on were given by this broker
  bool is_checking_expiry_ = false;
  bool is_forgetting_ = false;
  bool is_purging_ = false;  // some queue has more to purge at once
  // Where to look next for scheduled jobs in the store that are to be purged; nothing: there are none.
  std::optional<ScheduleKey> sweep_;
  std::optional<ScheduleKey> sweep_again_;  // from there, when the look under way is over
  bool is_sweeping_ = false;
  std::set<std::string, std::less<>> paged_;  // queues that may have jobs in the store only, by name
};

}  // namespace zebu::broker
