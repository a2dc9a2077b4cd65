#pragma once

#include "broker_options.h"
#include "effects.h"
#include "job_table.h"

#include <zebu/message.h>

namespace zebu::broker {

// A peer that said HELLO.
struct Session {
  SessionId id = 0;
  message::Role role = message::Role::client;
  std::string name;
  InstanceId instance;
  TimePoint last_heard{};
  std::unique_ptr<Consumer> consumer;  // of role consumer
};

struct Consumer {
  SessionId session = 0;
  std::vector<Queue*> queues;
  std::vector<std::string> tasks;
  std::uint32_t slots = 1;
  message::PoolKind pool = message::PoolKind::processes;
  std::uint32_t credit = 0;
  bool draining = false;
  JobList running;  // assigned to it, in the order of assignment
  std::uint64_t outcomes = 0;
  // Outcomes that it was not told of at once, and their bytes: it keeps them until it hears that the broker does.
  std::size_t unconfirmed = 0;
  std::size_t unconfirmed_bytes = 0;
};

// Counts since the start, by what happened.
struct Totals {
  std::uint64_t accepted = 0;
  std::uint64_t refused = 0;
  std::uint64_t assigned = 0;
  std::uint64_t returned = 0;  // by a consumer, not started
  std::uint64_t put_back = 0;  // lost with a consumer
  std::uint64_t succeeded = 0;
  std::uint64_t failed = 0;
  std::uint64_t cancelled = 0;
  std::uint64_t stale_outcomes = 0;  // for attempts that were not their sender's
  std::uint64_t lost_sessions = 0;   // silent, or gone without BYE
};

// All of the broker's decisions, without a socket, a store or a clock: messages and the time go in, records and replies
// come out through Effects. One thread. The server has checked that a message is one that the sender's role may send.
class Engine {
 public:
  explicit Engine(const Options& options) : options_(options) {}
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Takes a job back from a store, before the first session. A job that ran is queued, and its holder may claim it.
  void restore(const StoredJob& job);

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

  // Once a round, after all messages: lost peers, beats, forgetting, and the assignments.
  void tick(Moment now, Effects& out);
  // When tick must be called though no message came; nothing when there is no need.
  [[nodiscard]] std::optional<TimePoint> next_deadline() const;

  [[nodiscard]] const JobTable& jobs() const { return jobs_; }
  [[nodiscard]] const std::unordered_map<SessionId, Session>& sessions() const { return sessions_; }
  [[nodiscard]] const Totals& totals() const { return totals_; }
  // Name of a session's peer; empty when it is gone.
  [[nodiscard]] std::string_view name_of(SessionId session) const;

 private:
  [[nodiscard]] std::optional<Error> why_refused(const message::Submission& job, std::size_t size);
  void accept(SessionId session, const message::Submission& job, bool wait, Moment now, Effects& out);
  void add_waiter(Job& job, SessionId session, Effects& out);
  void add_consumer(Session& session, const message::Hello& hello, Effects& out);
  void claim(Session& session, const AttemptId& run, Effects& out);
  void remove_consumer(Consumer& consumer);
  void end_session(SessionId session, Effects& out);
  void confirm(Consumer& consumer, Effects& out);
  void put_back(Job& job, Consumer& from, std::uint32_t attempt, Effects& out);
  void finish(Job& job, SharedOutcome outcome, Moment now, Effects& out);
  void finish_cancelled(Job& job, Moment now, Effects& out);
  void check_liveness(Moment now, Effects& out);
  void assign(Moment now, Effects& out);
  [[nodiscard]] bool assign_one(Consumer& consumer, Moment now, Effects& out);
  // The job of an attempt that is this session's to finish, or nothing.
  [[nodiscard]] Job* assigned_job(SessionId session, const AttemptId& attempt);
  [[nodiscard]] Consumer& consumer(SessionId session) { return *sessions_.at(session).consumer; }

  Options options_;
  JobTable jobs_;
  std::unordered_map<SessionId, Session> sessions_;
  std::unordered_map<InstanceId, SessionId> instances_;
  std::vector<Consumer*> consumers_;
  std::size_t turn_ = 0;  // whose turn it is to get the next job
  std::optional<TimePoint> next_beat_;
  Moment last_{};
  Totals totals_;
};

}  // namespace zebu::broker
