#pragma once

#include "zebu/client_request.h"
#include "zebu/wire/link.h"

#include <boost/container/small_vector.hpp>

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace zebu {

// A client's session in a program's own Asio loop: submits jobs, calls a handler with each outcome, and after a broken
// connection repeats everything that was not answered. It has no thread: call it from the loop's thread only. For
// programs without a loop, Client (client.h) runs a ClientSession in its own thread.
//
// A handler is called once, from the loop, and never from inside the call that it was passed to. It is not called after
// leave(). It may call back into the session.
class ClientSession {
 public:
  // The id of the job that the broker has: an earlier job's, if that one holds the unique key.
  using OnAccepted = std::function<void(const Result<JobId>&)>;
  using OnOutcome = zebu::OnOutcome;
  using OnProgress = zebu::OnProgress;
  // The answer to a query or a command: one msgpack value, described in docs/protocol.md.
  using OnAnswer = std::function<void(const Result<std::string>&)>;

  // Identifies one handler that waits for one job.
  struct Ticket {
    JobId job;
    std::uint64_t number = 0;
  };

  ClientSession(boost::asio::io_context& loop, SocketContext& context, ClientOptions options);
  ~ClientSession();
  ClientSession(const ClientSession&) = delete;
  ClientSession& operator=(const ClientSession&) = delete;

  // Starts connecting, and keeps trying. Fails only if the endpoint is malformed: an unreachable broker is not an
  // error.
  [[nodiscard]] Result<void> start();
  [[nodiscard]] bool is_up() const { return link_.is_up(); }
  // Called when the session goes up (nullptr) or down (the reason). Set it before start().
  void on_change(std::function<void(const Error*)> handler) { on_change_ = std::move(handler); }
  // Called with the broker's words when it answers and does not take this client now (it has too many peers). The
  // session keeps trying. Set it before start().
  void on_put_off(std::function<void(const Error&)> handler) { on_put_off_ = std::move(handler); }
  // Called when there has been no session for 5 s, and each minute after that: why, and for how long. Set it before
  // start().
  using OnWaiting = std::function<void(const Finding&, std::chrono::milliseconds)>;
  void on_waiting(OnWaiting handler) { on_waiting_ = std::move(handler); }
  [[nodiscard]] std::chrono::milliseconds liveness() const { return options_.liveness; }
  [[nodiscard]] boost::asio::io_context& loop() { return loop_; }
  // By which the broker tells this session from others.
  [[nodiscard]] const InstanceId& instance() const { return instance_; }

  // Submits a job. While the broker is away the job is kept and sent later. `accepted` is called when the broker has
  // accepted or refused it, `outcome` when it has ended or was refused. Either may be empty; without `outcome` the job
  // is not waited for. Errors: the codes of REFUSED, too_large (no message of the broker can hold it), client_full (the
  // limits of ClientOptions), unknown_job (the broker was restarted and lost the job), closed.
  //
  // An id that was submitted before and is not answered is not submitted again: the handlers get the same answers as
  // those of the first call.
  //
  // If an earlier job holds the unique key, the handlers get that job's outcome. The ticket then refers to that job,
  // and so does the submitted id while a handler waits.
  Ticket submit(JobRequest request, OnAccepted accepted, OnOutcome outcome) {
    return submit(Uuid::make(), std::move(request), std::move(accepted), std::move(outcome));
  }
  // `reserved`: the bytes that reserve() was called with for this job, which is then within the limits.
  Ticket submit(const JobId& id, JobRequest request, OnAccepted accepted, OnOutcome outcome,
                std::optional<std::size_t> reserved = {});
  // Waits for a job that was submitted before, here or elsewhere. Any number of handlers may wait for one job.
  Ticket wait(const JobId& id, OnOutcome outcome);
  // Calls `handler` with the job's progress while the ticket's handler waits for the outcome.
  void on_progress(const Ticket& ticket, OnProgress handler);
  // Removes the ticket's handlers: none of them is called any more. The job continues.
  void leave(const Ticket& ticket);
  // Asks the broker to end the job, and asks again after a broken connection. Waiting handlers get its outcome. A job
  // that several submitters share by its unique key ends for all of them.
  void cancel(const JobId& id);
  // what: "jobs" (with ids), "list", "queues", "consumers", "broker". Error disconnected if the broker is away or goes
  // away before it answers, or the broker's code if it refused the query.
  void query(std::string what, Params params, OnAnswer answer);
  // what: "pause", "resume", "purge", "retry", "drain". Errors: as for a query.
  void command(std::string what, Params params, OnAnswer answer) {
    command(std::move(what), std::move(params), std::move(answer), nullptr);
  }
  // `progress`, if set, is called about once a second with how far a long command has come, before `answer`.
  void command(std::string what, Params params, OnAnswer answer, OnAnswer progress);

  // Jobs that the broker has not answered yet, and their bytes. From any thread.
  [[nodiscard]] std::size_t unanswered_jobs() const { return held_jobs_; }
  [[nodiscard]] std::size_t unanswered_bytes() const { return held_bytes_; }
  // The error client_full if these are what the options allow, or more. From any thread.
  [[nodiscard]] std::optional<Error> why_full() const;
  // Counts a job of about so many bytes that is on its way to submit(). From any thread.
  void reserve(std::size_t bytes);
  // Called in the loop when they have become fewer. Set it before start().
  void on_answered(std::function<void()> handler) { on_answered_ = std::move(handler); }
  // Ends the session. All remaining handlers get `closed`.
  void close();

 private:
  struct Waiter {
    std::uint64_t number;
    OnOutcome handler;
    OnProgress progress;
  };
  // Who is told that the broker has the job. Almost always one.
  struct Submitter {
    std::uint64_t number;  // of its ticket
    OnAccepted handler;
  };
  using Submitters = boost::container::small_vector<Submitter, 1>;
  enum class Phase { unsent, unanswered, accepted };
  struct Entry {
    Phase phase = Phase::accepted;
    bool was_sent = false;     // the broker may have it, even if it is now to be sent again
    bool is_told = false;      // the broker knows that we wait for its outcome
    bool is_unwanted = false;  // cancel() was called
    std::string submission;    // encoded, kept until the broker has answered
    Submitters submitters;
    std::vector<Waiter> waiters;
    std::vector<JobId> attached;  // submitted ids that were attached to this job
  };
  using Entries = std::unordered_map<JobId, Entry>;

  Link::Handlers handlers();
  [[nodiscard]] Entries::iterator find(const JobId& id);
  void say(Batch& batch, const JobId& id);
  void erase(Entries::iterator entry);
  void hold(const JobId& id, Entry& entry, std::string submission, std::optional<std::size_t> reserved);
  void let_go(Entry& entry);
  void release(std::size_t bytes);
  void tell_attached(const JobId& to, std::uint64_t number);
  void tell(std::uint64_t number, const Error& why, OnAccepted accepted, OnOutcome outcome);
  template <class M>
  void ask(const std::string& what, const Params& params, OnAnswer answer, OnAnswer progress);
  // Whether the job was cancelled before it was sent to the broker.
  [[nodiscard]] static bool is_ended_here(const Entry& entry) { return entry.is_unwanted && !entry.was_sent; }
  void finish_unsent(const JobId& id);
  void fail_questions(const Error& why);

  void up();
  void flush();
  void flush_submissions();
  [[nodiscard]] std::optional<Error> why_too_large(std::size_t bytes, const char* what) const;
  void handle(const message::Message& message);
  void handle_accepted(const message::Accepted& accepted);
  void handle_attached(const message::Attached& attached);
  void attach(const JobId& id, Entry from, const JobId& to);
  void handle_refused(const message::Refused& refused);
  void handle_done(const message::Done& done);
  void handle_ending(const message::Ending& ending);
  void handle_unknown(const message::Unknown& unknown);
  void handle_progress(const message::ProgressReports& reports);
  void handle_answer(const message::Answer& answer);
  void finish(Entries::iterator entry, const Result<Outcome>& outcome);

  ClientOptions options_;
  InstanceId instance_ = Uuid::make();
  boost::asio::io_context& loop_;
  std::function<void(const Error*)> on_change_;
  std::function<void(const Error&)> on_put_off_;
  OnWaiting on_waiting_;
  Entries entries_;
  std::unordered_map<JobId, JobId> attached_;  // submitted id -> the job it was attached to, while a handler waits
  std::deque<JobId> unsent_;                   // in order of submission; ids that are no longer in entries_ are skipped
  std::size_t unanswered_ = 0;
  std::atomic<std::size_t> held_jobs_ = 0;  // reserved, unsent or unanswered
  std::atomic<std::size_t> held_bytes_ = 0;
  std::function<void()> on_answered_;
  struct Question {
    OnAnswer handler;
    OnAnswer progress;
    bool is_command = false;
  };
  std::unordered_map<std::uint64_t, Question> questions_;
  std::vector<Frame> outgoing_;
  Batch waits_{message::Type::wait};
  Batch leaves_{message::Type::leave};
  Batch cancels_{message::Type::cancel};
  std::unordered_set<JobId> unanswered_cancels_;  // each new session hears them again
  std::uint64_t next_number_ = 1;
  std::unordered_set<std::uint64_t> to_tell_;  // numbers of tickets: their handlers hear of a refusal in a moment
  bool closed_ = false;
  std::optional<Error> ended_;  // set when closed or refused for good: the error of every later call
  // Lets functions that were posted to the loop detect that the session is gone.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  Link link_;  // last: its handlers use all of the above
};

}  // namespace zebu
