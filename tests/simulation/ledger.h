#pragma once

#include "broker/engine/engine.h"
#include "tests/simulation/timeline.h"

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace zebu::simulation {

// Ids are numbers here, so that a trace can be read: jobs count from 0, instances too.
enum class IdKind : std::uint8_t { job = 1, instance = 2 };
[[nodiscard]] Uuid uuid_of(IdKind kind, std::uint64_t number);
[[nodiscard]] std::uint64_t number_of(const Uuid& id);

// What records add up to for one job.
struct Book {
  bool is_present = false;
  broker::SharedSpec spec;
  JobState state = JobState::queued;
  bool is_in_line = false;
  WallTime due{};
  broker::Uses uses;
  broker::SharedOutcome outcome;
  WallTime finished{};
  bool has_begun = false;  // once; it may have been given back since
};

// An attempt at a consumer that lives: from ASSIGN until it is given back, or its outcome is kept.
struct Holding {
  std::uint64_t consumer = 0;  // its instance
  std::uint32_t attempt = 0;
  bool is_started = false;
  bool is_reported = false;  // the broker has its outcome
  bool is_excused = false;   // the broker had a reason to give the job to another one
};

// All that is known of a job by those who take no part.
struct JobFacts {
  std::uint64_t number = 0;
  JobId id;
  std::string queue;
  std::string task;
  std::string args;
  JobOptions options;

  bool is_poison = false;    // takes its consumer down
  bool is_accepted = false;  // a client knows
  bool is_refused = false;
  bool is_retry = false;   // of a failed job: nobody submitted it
  bool is_to_end = false;  // somebody cancelled it, or purged its queue
  std::optional<std::uint64_t> attached_to;
  std::optional<std::string> told;  // DONE, as a client saw it

  Book durable;                        // by the records that were committed
  Book decided;                        // by all records, those under way too
  bool is_forgotten = false;           // its outcome was dropped
  bool was_forgotten = false;          // once: it may have been accepted again since
  std::optional<std::string> ended;    // its outcome, once it is durable
  std::set<std::string> ended_before;  // those that were forgotten

  std::optional<JobState> seen;  // in the engine's memory, the last time; of a durable one, or by the records
  std::uint64_t sequence = 0;
  std::optional<std::uint64_t> session;  // that it runs in, since `running_since`
  std::uint32_t attempt = 0;
  std::uint32_t reported = 0;  // the attempt whose outcome the broker heard last
  std::uint32_t losses = 0;    // that the engine counts
  bool is_suspect = false;     // as the engine sees it
  bool has_begun = false;      // once
  Time running_since{};
  std::vector<Holding> holdings;
  std::set<std::pair<std::uint64_t, std::uint32_t>>
      given_up;  // by consumer and attempt: on the way to one that was lost
  std::uint32_t executions = 0;
  std::uint32_t failed = 0;  // executions that ended so
  std::uint32_t crashed = 0;
  bool may_run_again = false;  // a transient one that was lost with a broker
};

// The independent model: it watches what goes into the engine and comes out of it, what is on the disk, what consumers
// run and what clients are told, and throws a Violation when that is not what was promised. It believes the engine
// nothing: where it looks into its memory, it compares.
class Ledger {
 public:
  Ledger(const Timeline& time, Trace& trace, const broker::EngineOptions& options, bool is_link_slow)
      : time_(time), trace_(trace), options_(options), is_link_slow_(is_link_slow) {}

  JobFacts& add(std::string queue, std::string task, JobOptions options);
  [[nodiscard]] JobFacts& of(const JobId& id) { return jobs_.at(number_of(id)); }
  [[nodiscard]] const JobFacts& of(const JobId& id) const { return jobs_.at(number_of(id)); }
  [[nodiscard]] std::deque<JobFacts>& jobs() { return jobs_; }
  [[nodiscard]] const std::deque<JobFacts>& jobs() const { return jobs_; }

  // The disk (ledger.cpp).
  void commit(const std::vector<broker::Record>& records, const std::vector<broker::Duplicate>& duplicates);
  void dropped(const broker::Forgotten& forgotten);
  void dropped(const broker::FailedForgotten& forgotten);
  [[nodiscard]] bool is_paused(const std::string& queue) const;

  // The broker (ledger_engine.cpp): it went, it came back; before and after each call of the engine; at a round's end.
  void broker_went();
  void broker_came();
  void broker_stands_still() {
    if (!still_since_) still_since_ = time_.now();
  }
  void broker_goes_on();
  void clock_is_ahead(std::chrono::milliseconds ahead) { clock_ahead_ = ahead; }
  void peer_stands_still(std::uint64_t instance, Time until) { still_until_[instance] = until; }
  // What the engine was told: a limit of bytes, maybe 0, or none.
  void told_room(std::optional<std::uint64_t> room, bool is_low) {
    room_ = room;
    is_low_ = is_low;
  }
  // A message of the session has come to the broker's machine.
  void arrived(broker::SessionId session);
  void heard_hello(broker::SessionId session, const message::Hello& hello);
  void heard_credit(broker::SessionId session, std::uint32_t credit, bool is_void);
  void heard_outcome(broker::SessionId session, const AttemptId& attempt);
  void heard_cancel(const JobId& id) { of(id).is_to_end = true; }
  void heard_purge(const std::string& queue);
  void told_engine(const std::vector<broker::Duplicate>& duplicates);  // a commit
  void before_round(const broker::Engine& engine);
  enum class Call { hello, bye, tick, other };
  void after_call(const broker::Engine& engine, const broker::Effects& effects, Call call);
  void after_round(const broker::Engine& engine);

  // Consumers (ledger_runs.cpp).
  void hold(std::uint64_t consumer, const AttemptId& attempt);
  void begin(std::uint64_t consumer, const AttemptId& attempt);
  void end(const AttemptId& attempt, const Outcome& outcome);
  void release(std::uint64_t consumer, const AttemptId& attempt);
  void told_kept(std::uint64_t consumer, const AttemptId& attempt);
  void consumer_died(std::uint64_t consumer);

  // Clients (ledger_told.cpp).
  void told_accepted(const JobId& id);
  void told_attached(const JobId& id, const JobId& to);
  void told_done(const message::Report& report);
  void told_unknown(const JobId& id);
  // When all is quiet: every accepted job has come to its end.
  void check_end() const;

 private:
  struct Peer {
    std::uint64_t instance = 0;
    std::int64_t credit = 0;
    Time heard_at{};  // what came last, in the time in which the broker did not stand still
    std::set<std::string, std::less<>> queues;
    std::set<std::string, std::less<>> tasks;

    [[nodiscard]] bool serves(std::string_view queue, std::string_view task) const {
      return queues.contains(queue) && tasks.contains(task);
    }
  };

  [[noreturn]] static void fail(std::string check, std::string what);
  void apply(Book JobFacts::*which, const broker::Record& record);
  void check_not_final(const JobFacts& job, const Book& book);
  void check_attempts(const broker::SharedSpec& spec, const broker::AttemptLog& log, std::uint32_t below) const;
  static void forgot(JobFacts& job);
  static void drop(JobFacts& job);
  void check_is_oldest(const JobFacts& job) const;
  void check_new_key(const JobFacts& job);

  void note_decided(const broker::Engine& engine, const broker::Record& record);
  void check_room(const broker::Effects& effects) const;
  void check_states(const broker::Engine& engine, Call call);
  void see(const broker::Engine& engine, const broker::Job& job, Call call);
  void check_uses(const broker::Job& job, const JobFacts& facts) const;
  void check_transient_key(const broker::Engine& engine, const JobFacts& facts);
  void check_assigned(const broker::Engine& engine, const broker::Effects& effects);
  [[nodiscard]] bool is_left_to_better(const broker::Engine& engine, const broker::Job& job,
                                       broker::SessionId session) const;
  void check_order(const broker::Engine& engine, const JobFacts& job, broker::SessionId session, const Peer& consumer);
  void check_nothing_waits(const broker::Engine& engine) const;
  void excuse(std::uint64_t consumer, std::optional<broker::SessionId> session = {});
  [[nodiscard]] WallTime expiry_of(const broker::JobSpec& spec) const {
    return spec.is_expiry_by_wall ? *spec.expires - clock_ahead_ : *spec.expires;
  }
  [[nodiscard]] Time listening() const { return still_since_.value_or(time_.now()) - still_; }
  void check_lost(const broker::Engine& engine, broker::SessionId session, const Peer& peer, Call call) const;
  void check_suspects(const broker::Engine& engine, broker::SessionId session) const;

  struct Count;
  void recount(const broker::Engine& engine) const;
  void check_window(const broker::Engine& engine) const;
  [[nodiscard]] bool is_in_memory(const broker::Engine& engine, const JobFacts& job) const;

  const Timeline& time_;
  Trace& trace_;
  const broker::EngineOptions& options_;
  bool is_link_slow_;
  std::uint64_t quiet_calls_ = 0;
  std::deque<JobFacts> jobs_;
  std::set<std::string> paused_;  // as decided
  std::set<std::string> durably_paused_;
  std::vector<broker::SharedSpec> doubled_;      // accepted once more than they are there, until the commit says so
  std::map<broker::SessionId, Peer> consumers_;  // sessions
  Time came_{};                                  // when the broker started last
  std::optional<std::uint64_t> room_;            // in the store
  bool is_low_ = false;                          // none of its jobs is to be started
  std::chrono::milliseconds clock_ahead_{0};
  Time still_{};  // how long it stood still, in all
  std::optional<Time> still_since_;
  Time went_on_{};                             // when it went on last
  std::set<std::uint64_t> living_;             // consumers' instances that hold something
  std::map<std::uint64_t, Time> still_until_;  // instances that stood still, or do
};

}  // namespace zebu::simulation
