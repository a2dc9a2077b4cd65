#pragma once

#include "broker/engine/backlog/backlog.h"
#include "broker/engine/batches.h"
#include "broker/engine/dispatch/dispatch.h"
#include "broker/engine/effects.h"
#include "broker/engine/life/ruling.h"
#include "broker/engine/life/unique_keys.h"
#include "broker/engine/peers/claims.h"
#include "broker/engine/peers/peers.h"
#include "broker/engine/peers/waiters.h"
#include "broker/engine/store_room.h"

#include <deque>
#include <map>
#include <set>

namespace zebu::broker {

// Counts since the start, by what happened.
struct Totals {
  std::uint64_t accepted = 0;
  std::uint64_t refused = 0;
  std::uint64_t attached = 0;  // to another job, by a unique key
  std::uint64_t assigned = 0;
  std::uint64_t returned = 0;  // by a consumer, not started
  std::uint64_t put_back = 0;  // left without an outcome by their consumer
  std::uint64_t retried = 0;   // failed, and to run again
  std::uint64_t crashed = 0;   // attempts whose process died
  std::uint64_t succeeded = 0;
  std::uint64_t failed = 0;
  std::uint64_t cancelled = 0;
  std::uint64_t expired = 0;
  std::uint64_t forgotten_failed = 0;  // failed jobs that were too old, or too many in their queue
  std::uint64_t stale_outcomes = 0;    // for attempts that were not their sender's
  std::uint64_t lost_sessions = 0;     // ended by silence
  std::uint64_t lost_consumers = 0;    // of them

  [[nodiscard]] std::uint64_t finished() const { return succeeded + failed + cancelled + expired; }
  // Jobs that ended in this state.
  [[nodiscard]] std::uint64_t& of(JobState final_state) {
    switch (final_state) {
      case JobState::succeeded:
        return succeeded;
      case JobState::failed:
        return failed;
      case JobState::expired:
        return expired;
      default:
        return cancelled;
    }
  }
};

// All of the broker's decisions, without a socket, a store or a clock: messages and the time go in, records and replies
// come out through Effects. One thread. The server has checked that a message is one that the sender's role may send.
//
// Records gather in the open batch. seal() closes it for its commit; committed() says that it is durable; one batch at
// a time is being committed. A reply that depends on a batch carries its number (Effects), and a new durable job stays
// untouched until its own batch is committed (Place::fresh).
class Engine {
 public:
  explicit Engine(const EngineOptions& options);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Takes over the jobs of a store, before the first session. Jobs that ran wait for their consumers to come back: for
  // the liveness time, or until all known consumers are back. No job is assigned before that.
  void restore(const Recovered& recovered, Moment now);

  void hello(SessionId session, const message::Hello& hello, Moment now, Effects& out);
  // Call it when all that had arrived from this role by the previous call has been read: silence counts only such time.
  void listened(message::Role role, Moment now);
  // Every message shows that its sender is alive: call this for each one.
  void heard(SessionId session, Moment now);
  void bye(SessionId session, Effects& out);
  // Nothing can be sent to the peer any more: its connection is broken, or it does not read. That does not show that it
  // is dead. A consumer keeps its jobs and gets nothing new; its session ends when it has been silent, or when the
  // consumer comes back with a new one. A client has nothing to lose, and its session ends.
  void cut_off(SessionId session, Effects& out);
  // The peer is dead as far as anybody can tell: it was silent.
  void gone(SessionId session, Effects& out);

  // What a slow link does to a consumer: data for it waits to be sent (behind), or a message of its has come in part
  // (sending). Neither time counts for a hard limit.
  void set_behind(SessionId session, bool is_behind, Moment now);
  void set_sending(SessionId session, bool is_sending);

  void submit(SessionId session, const message::Submit& submit, Moment now, Effects& out);
  void wait(SessionId session, const message::Wait& wait, Effects& out);
  void leave(SessionId session, const message::Leave& leave);
  void cancel(SessionId session, const message::Cancel& cancel, Moment now, Effects& out);

  void credit(SessionId session, std::uint32_t credit, Effects& out);
  // in_parts: the message came in parts, so others may have passed it.
  void outcome(SessionId session, const message::OutcomeReport& report, Moment now, Effects& out,
               bool in_parts = false);
  // An outcome that is handed over later, because its result is stored in pieces first: hold_outcome() returns its
  // place among the session's outcomes, in whose order KEPT confirms them. One that came in parts has no place: it is
  // confirmed by name.
  [[nodiscard]] std::uint64_t hold_outcome(SessionId session, std::size_t bytes);
  // The job's outcome has begun to be stored: its hard limit no longer applies.
  void has_outcome(const JobId& job);
  // `outcome` is moved from only if the attempt is still its sender's.
  void outcome_held_back(SessionId session, const AttemptId& attempt, Outcome& outcome,
                         std::optional<std::uint64_t> place, Moment now, Effects& out);
  // Whether the outcome of this attempt, from this session, would end a durable attempt.
  [[nodiscard]] bool is_durable_attempt(SessionId session, const AttemptId& attempt) const;
  // Whether a durable job would be accepted now, as a new one.
  [[nodiscard]] bool would_accept(const message::Submission& job) const;
  // A job of this queue was refused elsewhere: it counts.
  void refused(std::string_view queue, ErrorCode why);
  // A job that is handed over later, because its arguments are stored in pieces first. What acceptance adds to a spec
  // is added to this one; its arguments stay where they are.
  void submit_held_back(SessionId session, std::shared_ptr<JobSpec> job, bool wait, Moment now, Effects& out);
  // Before a piece of the arguments of such a job is written: takes room in the store for it. An error is the refusal
  // of the job.
  [[nodiscard]] std::optional<Error> take_room(std::size_t bytes);
  void give_back(SessionId session, const message::Return& jobs, Moment now, Effects& out);
  void drain(SessionId session, Effects& out);
  void progress(SessionId session, const message::ProgressReports& reports, Effects& out);

  // Commands.
  void pause(std::string_view queue, std::string_view reason, std::string_view by, Moment now, Effects& out);
  [[nodiscard]] bool resume(std::string_view queue, Effects& out);  // false: it was not paused
  // Cancels the jobs that are queued or scheduled now. Returns their number, or nullopt if the rest follows later.
  [[nodiscard]] std::optional<std::size_t> purge(std::string_view queue, Moment now, Effects& out);
  // Tells consumers of that name or instance to drain. Returns how many.
  [[nodiscard]] std::size_t drain_consumers(std::string_view name, Effects& out);
  // Submits a new job like a failed one, and forgets the failed one. nullopt: the job has not failed, or was retried
  // already. If another job has its unique key, the new one is dropped (Effects::not_retried) and the failed one stays.
  [[nodiscard]] std::optional<JobId> retry(const StoredJob& failed, const JobId& fresh, Moment now, Effects& out);
  // Forgets a failed job. False: it was forgotten already.
  bool forget_failed(const StoredJob& failed, Effects& out);

  // ahead: the wall clock minus `now.wall` of all other calls, which is the broker's own time and runs with the steady
  // clock. Jobs with `run_at` or `expires_at` are timed anew.
  void clock_is_ahead(std::chrono::milliseconds ahead, Effects& out);

  // How many bytes the store takes for new durable jobs, as measured last while no commit was under way. Unset: there
  // is no limit, as in the beginning. is_low: there is too little room to start durable jobs.
  void store_has_room(std::optional<std::uint64_t> bytes, bool is_low = false);

  // Once a round, after all messages: lost peers, beats, timers, expiry of outcomes, and assignments.
  void tick(Moment now, Effects& out);
  // Only assigns the jobs that a commit made ready. Timers have to wait until all messages have been handled.
  void hand_out(Moment now, Effects& out);
  // When tick must be called even if no message comes; nullopt: never.
  [[nodiscard]] std::optional<TimePoint> next_deadline() const;

  // The number of the open batch, which seal() closes.
  [[nodiscard]] BatchNumber open_batch() const { return batches_.open(); }
  BatchNumber seal();
  // All batches up to `batch` are durable. duplicates: jobs of this batch that the store did not take.
  void committed(BatchNumber batch, const std::vector<Duplicate>& duplicates, Moment now, Effects& out);
  [[nodiscard]] BatchNumber settled() const { return batches_.settled(); }
  // The last batch that has a record.
  [[nodiscard]] BatchNumber newest_batch() const { return batches_.newest(); }
  // The answer to a read of the engine's own, not to a Find with an asker.
  void answered(const ReadAnswer& answer, Moment now, Effects& out);

  [[nodiscard]] const JobTable& jobs() const { return jobs_; }
  [[nodiscard]] const std::unordered_map<SessionId, Session>& sessions() const { return peers_.all(); }
  [[nodiscard]] const std::map<InstanceId, SessionId>& consumers() const { return peers_.consumers(); }
  [[nodiscard]] const Totals& totals() const { return totals_; }
  // The name of a session's peer; empty if it is gone.
  [[nodiscard]] std::string_view name_of(SessionId session) const;
  // At most `most` tasks of waiting jobs that none of the queue's consumers knows. Looks at its first 1,000 lines
  // (jobs/line.h).
  [[nodiscard]] std::vector<std::string> unserved_tasks(const Queue& queue, std::size_t most) const;
  // False while jobs that ran before a restart may still be claimed.
  [[nodiscard]] bool may_assign() const { return !peers_.is_waiting() && batches_.is_settled(given_up_with_); }
  // Whether assignments wait for the consumers that the broker had before its restart.
  [[nodiscard]] bool is_waiting_for_consumers() const { return peers_.is_waiting(); }

 private:
  // engine.cpp
  void line_gone(Line& line);
  void show_changes();
  void show_suspects(Consumer& consumer);
  [[nodiscard]] static bool is_behind(const Consumer& consumer);
  [[nodiscard]] std::uint32_t credit_shown(const Consumer& consumer) const;
  void judge_health(Consumer& consumer);
  void ended_well(Consumer& consumer, bool is_well);
  void let_poor_try();
  void show(Line& line);
  [[nodiscard]] bool has_expired(const Job& waiting) const {
    return waiting.has_deadline && waiting.deadline <= last_.wall;
  }
  void hold_lines(Queue& queue);
  void changed(Consumer& consumer);
  [[nodiscard]] Consumer& consumer(SessionId session) { return *peers_.find(session)->consumer; }

  // life/sessions.cpp
  void add_consumer(Session& session, const message::Hello& hello, Effects& out);
  void become_known(Session& session, const message::Hello& hello, const Consumer* before, Effects& out);
  void claim(Session& session, const AttemptId& run, Effects& out);
  void claim(Session& session, const AttemptId& run, Job& job, Effects& out);
  void answer_early_claims(Effects& out);
  void refuse(const Claim& claim, Effects& out);
  void welcome(Session& session, Effects& out);
  void stop(const Job& job, std::optional<BatchNumber> batch, Effects& out);
  void stop(SessionId session, const AttemptId& attempt, std::optional<BatchNumber> batch, Effects& out);
  void remove_consumer(Consumer& consumer);
  void end_session(SessionId session, End how, Effects& out);
  void check_liveness(Moment now, Effects& out);
  void tell_kept(const Consumer& consumer, const std::optional<Receipts::Kept>& kept, Effects& out);
  void settle_receipts(Effects& out);

  void tell_of(const Session& session, Effects::PeerNews::What what, std::size_t jobs, Effects& out) const;
  void tell_joined(const Session& session, const message::Hello& hello, Effects& out) const;

  // life/evidence.cpp
  void lose_all(const std::vector<Job*>& jobs, End how, WallTime heard, Effects& out);
  void suspect(Job& job, WallTime heard);
  void watch_suspect(const Job& job, Consumer& consumer);
  void clear_suspects();
  void await_claim(Job& job);
  void give_up_claims(Effects& out);
  void end_wait(Effects& out);

  // life/submit.cpp
  void accept(SessionId session, const message::Submission& job, bool wait, Moment now, Effects& out);
  void accept(SessionId session, std::shared_ptr<JobSpec> spec, std::size_t to_write, bool wait, Moment now,
              Effects& out);
  void accept_again(SessionId session, Job& known, bool wait, Effects& out);
  void take_in(SharedSpec spec, std::optional<SessionId> session, bool wait, Effects& out);
  void take_in_beyond(SharedSpec spec, Line& line, std::optional<SessionId> session, bool wait, Effects& out);
  void take_in_transient(SharedSpec spec, SessionId session, bool wait, Effects& out);
  [[nodiscard]] bool attach_transient(const JobSpec& spec, SessionId session, bool wait, Effects& out);
  void tell_accepted(Job& job, Effects& out);
  void settle(Job& job, Effects& out);
  void retried(const JobId& fresh, bool is_taken_in, Effects& out);
  void resolve(const Duplicate& duplicate, Effects& out);
  void add_waiter(Job& job, SessionId session, Effects& out);
  void tell_done(SessionId session, const Job& job, Effects& out) const;
  void wait_for(SessionId session, const JobId& id, Effects& out);

  // life/refusals.cpp
  [[nodiscard]] std::optional<Error> why_refused(const JobSpec& spec, std::size_t size) const;
  [[nodiscard]] std::optional<Error> why_full(const Queue* queue, const JobSpec& spec, std::size_t size) const;
  [[nodiscard]] std::optional<Error> why_store_full(std::size_t bytes) const;

  // life/attempts.cpp
  void assign(Moment now, Effects& out);
  void give(Job& job, Consumer& consumer, Moment now, Effects& out);
  void count_wait(const Job& job, Moment now);
  void set_limit(Job& job);
  [[nodiscard]] std::optional<WallTime> later_limit(const Job& job, Moment now);
  void record_start(Job& job, Effects& out, bool took_loss_back = false);
  void record_starts(Moment now, Effects& out);
  [[nodiscard]] RunningJob running(const Job& job) const { return {*job.spec, job.uses, job.cancel_asked}; }
  template <class MakeOutcome>
  void take_outcome(Consumer& from, Job* job, MakeOutcome&& outcome, Effects& out);
  void end_unreadable(Consumer& from, const message::BadEntry& bad, Effects& out);
  void end_attempt(Job& job, Outcome&& outcome, Effects& out);
  void lose(Job& job, End how, Blame blame, Effects& out);
  void log_attempt(Job& job, AttemptEnd end, const Outcome* outcome);
  void follow(Job& job, Ruling&& ruling, AttemptEnd end, Effects& out);
  void leave_consumer(Job& job);
  void put_back(Job& job, Effects& out);
  void finish(Job& job, Outcome&& outcome, Effects& out);
  [[nodiscard]] std::optional<WallTime> forget_time(const JobOptions& options, const Outcome& outcome) const;
  // The job of an attempt that is assigned to this session; null if it is not.
  [[nodiscard]] Job* assigned_job(SessionId session, const AttemptId& attempt);
  void tell_kept_or_wait(Consumer& from, Effects& out);

  // life/timers.cpp
  [[nodiscard]] bool may_time_more() const;
  void move_due(Moment now, Effects& out);
  void follow_wall(Job& job, Effects& out);
  void follow_wall_in_memory(Effects& out);
  void meet_deadlines(Moment now, Effects& out);
  void purge_all(Effects& out);
  std::size_t purge_some(Queue& queue, Effects& out);
  std::size_t purge_line(Line& line, std::uint64_t last, std::size_t most, Effects& out);
  [[nodiscard]] bool has_to_sweep() const;
  void swept(const ScheduledLoaded& loaded, Effects& out);
  void forget_finished(Moment now);
  void house_keep(Moment now, Effects& out);
  void look_for_expired(Effects& out);
  void forget_more(Effects& out);
  void forget_oldest_failed(Effects& out);
  void report_forgotten(Effects& out);

  // life/memory.cpp
  void enter_line(Job& job, Effects& out);
  void enter_schedule(Job& job);
  void shrink(Line& line, Effects& out);
  void evict(Job& job, Effects& out);
  void leave_memory(Job& job);
  void loaded(const QueuedLoaded& loaded, Effects& out);
  void loaded(const ScheduledLoaded& loaded, Effects& out);
  void loaded(const ExpiredLoaded& loaded, Effects& out);
  void forgotten(const Forgotten& forgotten, Effects& out);
  void forgotten(const FailedForgotten& forgotten, Effects& out);
  enum class Why { too_old, too_many };
  void drop_forgotten(const std::vector<Dropped>& jobs, Why why);
  Job& bring_in(const StoredJob& stored);
  void page_in(const StoredJob& stored, Effects& out);
  void found(const Found& answer, Effects& out);
  void found(const JobId& id, const std::optional<StoredJob>& stored, Effects& out);
  void fulfil(const WaitFor& wait, const JobId& id, const std::optional<StoredJob>& stored, Effects& out);
  void fulfil(const Claim& claim, const JobId& id, const std::optional<StoredJob>& stored, Effects& out);
  void fulfil(const CancelIt& cancel, const JobId& id, const std::optional<StoredJob>& stored, Effects& out);

  // life/commands.cpp
  void cancel_one(Job& job, const CancelIt& cancel, Effects& out);
  void begin_cancel(Job& job, Effects& out);
  void tell_ending(std::optional<SessionId> session, const JobId& asked, const Job& job, Effects& out) const;
  void tell_ending(std::optional<SessionId> session, const message::EndingJob& job, std::optional<BatchNumber> batch,
                   Effects& out) const;

  // Writes a record about a durable job; transient jobs have no records.
  template <class T>
  void record(Job& job, T&& record, Effects& out) {
    if (job.is_transient()) return;
    job.batch = batches_.open();
    write(std::forward<T>(record), out);
  }
  void tell_move(Effects::JobNews::What what, const Job& job, Effects& out) const {
    if (options_.tells_moves) out.job_news.push_back({what, job.spec, job.uses.attempt, job.consumer});
  }
  template <class T>
  void write(T&& record, Effects& out) {
    static_cast<void>(batches_.record());
    out.records.emplace_back(std::forward<T>(record));
  }

  EngineOptions options_;
  Moment last_{};  // the time of the newest call that had one
  Totals totals_;
  Batches batches_;
  Dispatch dispatch_;
  JobTable jobs_;
  Peers peers_;
  Claims claims_;
  Waiters waiters_;
  TransientKeys transient_keys_;
  FailedJobs failed_jobs_;
  Backlog backlog_;
  Judge judge_;
  StoreRoom room_;

  std::vector<Consumer*> changed_;            // to be passed to Dispatch
  std::vector<Consumer*> awaiting_known_;     // whose own record is not durable yet
  std::vector<Consumer*> awaiting_receipts_;  // with outcomes that are not durable yet
  // Assignments of durable jobs that have no record yet: jobs that end soon need none.
  struct Start {
    AttemptId attempt;
    TimePoint record_at;
  };
  std::deque<Start> starts_;
  JobList orphans_;  // ran before the restart; their holders are not back
  // Jobs that may run at most once and whose consumers were lost. They wait for these: nobody else may have them.
  JobList unclaimed_;
  struct Unclaimed {
    AttemptId attempt;
    TimePoint::duration until;  // as Peers counts the time of listening to consumers
  };
  std::deque<Unclaimed> claims_end_;
  std::multimap<WallTime, AttemptId> suspects_;     // that run, by when they are suspects no more
  std::set<std::pair<TimePoint, SessionId>> poor_;  // consumers that failed all their jobs, by when each may try again
  std::optional<TimePoint> limits_from_;            // after a pause of the broker's own: outcomes may be on their way
  BatchNumber given_up_with_ = 0;                   // the batch that records which consumers did not come back
  bool is_checking_expiry_ = false;
  ExpiryKey expired_from_;          // where the look for expired jobs in the store goes on
  std::size_t timed_in_batch_ = 0;  // durable jobs whose time came, in the open batch
  bool is_forgetting_ = false;
  std::optional<TimePoint> next_forgetting_;  // before the next housekeeping, under load
  std::uint64_t finished_then_ = 0;           // totals_.finished() at the last step of forgetting
  bool is_forgetting_failed_ = false;
  bool is_following_wall_ =
      false;                 // scheduled jobs in the store are looked through for those that follow the wall clock
  bool is_purging_ = false;  // some queue has more to purge at once
  std::optional<TimePoint> next_housekeeping_;
  TimePoint last_housekeeping_{};
  std::unordered_map<std::string, Effects::ForgottenFailed> forgotten_failed_;  // by queue, not reported yet
};

}  // namespace zebu::broker
