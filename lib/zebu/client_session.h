#pragma once

#include "zebu/client_request.h"
#include "zebu/wire/link.h"

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace zebu {

// A client's session inside a program's own Asio loop: submits jobs, keeps what is not answered, says it all again
// after a broken connection, and calls a handler with each outcome. It owns no thread; one thread, the loop's, calls
// it. For a program without a loop, Client (client.h) runs one of these in a thread of its own.
//
// Handlers are called once, from the loop, never from inside of the call that they were given to, and not at all after
// leave() or close(). They may call back into the session.
class ClientSession {
 public:
  // The id of the job that the broker has: another one's than the submitted when that one has its unique key.
  using OnAccepted = std::function<void(const Result<JobId>&)>;
  using OnOutcome = zebu::OnOutcome;
  using OnProgress = zebu::OnProgress;
  // The answer to a query or a command: one msgpack value, as docs/protocol.md describes.
  using OnAnswer = std::function<void(const Result<std::string>&)>;

  // One handler that waits for one job.
  struct Ticket {
    JobId job;
    std::uint64_t number = 0;
  };

  ClientSession(boost::asio::io_context& loop, SocketContext& context, ClientOptions options);
  ~ClientSession();
  ClientSession(const ClientSession&) = delete;
  ClientSession& operator=(const ClientSession&) = delete;

  // Connects; the broker need not be there yet. Error: the endpoint is not one.
  [[nodiscard]] Result<void> start();
  [[nodiscard]] bool is_up() const { return link_.is_up(); }
  // Called whenever the session goes up (nothing) or down (why). Set it before start().
  void on_change(std::function<void(const Error*)> handler) { on_change_ = std::move(handler); }
  [[nodiscard]] std::chrono::milliseconds liveness() const { return options_.liveness; }
  [[nodiscard]] boost::asio::io_context& loop() { return loop_; }

  // Submits a job; while the broker is away it is kept and goes out later. `accepted` (may be empty) hears when the
  // broker has it or has refused it. `outcome` (may be empty: then nobody waits) hears how it ended; a refused job's
  // error goes to both. Errors: the codes of REFUSED, unknown_job (the broker was restarted without it), closed.
  //
  // When an earlier job has its unique key, the handlers get that job's outcome; the ticket, and the submitted id while
  // somebody waits with it, stand for that job then.
  Ticket submit(JobRequest request, OnAccepted accepted, OnOutcome outcome) {
    return submit(Uuid::make(), std::move(request), std::move(accepted), std::move(outcome));
  }
  Ticket submit(const JobId& id, JobRequest request, OnAccepted accepted, OnOutcome outcome);
  // Waits for a job that somebody submitted. Any number of handlers may wait for one job.
  Ticket wait(const JobId& id, OnOutcome outcome);
  // Hears of the job's progress, as long as the ticket's outcome is waited for.
  void on_progress(const Ticket& ticket, OnProgress handler);
  // Takes one handler back.
  void leave(const Ticket& ticket);
  // Asks the broker to end the job, and asks again after a broken connection. Who waits hears how it ended. A job that
  // several submitters share by its unique key ends for all of them.
  void cancel(const JobId& id);
  // what: "jobs" (with ids), "list", "queues", "consumers", "broker". Error disconnected when the broker is away or
  // goes away.
  void query(std::string what, Params params, OnAnswer answer);
  // what: "pause", "resume", "purge", "retry", "drain". Errors: as of a query, and what the broker refused it with.
  void command(std::string what, Params params, OnAnswer answer);

  // Jobs that the broker has not answered yet.
  [[nodiscard]] std::size_t unaccepted() const { return unsent_.size() + unanswered_; }
  // Says BYE; all handlers that are left hear `closed`.
  void close();

 private:
  struct Waiter {
    std::uint64_t number;
    OnOutcome handler;
    OnProgress progress;
  };
  enum class Phase { unsent, unanswered, accepted };
  struct Entry {
    Phase phase = Phase::accepted;
    bool was_sent = false;     // so that the broker may have it, also when it is to be sent again
    bool is_told = false;      // the broker knows that we wait
    bool is_unwanted = false;  // cancel() was called
    std::string submission;    // encoded, until the broker has answered
    OnAccepted accepted;
    std::uint64_t submitter = 0;  // the ticket that `accepted` came with
    std::vector<Waiter> waiters;
    std::vector<JobId> attached;  // ids that were submitted and became this job
  };
  using Entries = std::unordered_map<JobId, Entry>;

  Link::Handlers handlers();
  [[nodiscard]] Entries::iterator find(const JobId& id);
  void say(Batch& batch, const JobId& id);
  void erase(Entries::iterator entry);
  void tell(const Error& why, OnAccepted accepted, OnOutcome outcome);
  template <class M>
  void ask(const std::string& what, const Params& params, OnAnswer answer);
  // Cancelled before the broker could hear of it.
  [[nodiscard]] static bool is_ended_here(const Entry& entry) { return entry.is_unwanted && !entry.was_sent; }
  void finish_unsent(const JobId& id);
  void remember_cancel(const JobId& id);
  void fail_questions(const Error& why);

  void up();
  void flush();
  void flush_submissions();
  void handle(const message::Message& message);
  void handle_accepted(const message::Accepted& accepted);
  void handle_attached(const message::Attached& attached);
  void attach(const JobId& id, Entry from, const JobId& to);
  void handle_refused(const message::Refused& refused);
  void handle_done(const message::Done& done);
  void handle_unknown(const message::Unknown& unknown);
  void handle_progress(const message::ProgressReports& reports);
  void handle_answer(const message::Answer& answer);
  void finish(Entries::iterator entry, const Result<Outcome>& outcome);

  ClientOptions options_;
  InstanceId instance_ = Uuid::make();
  boost::asio::io_context& loop_;
  std::function<void(const Error*)> on_change_;
  Entries entries_;
  std::unordered_map<JobId, JobId> attached_;  // what a submitted id became, while somebody waits for it
  std::deque<JobId> unsent_;  // in the order of submission; ids that are gone from entries_ are passed over
  std::size_t unanswered_ = 0;
  struct Question {
    OnAnswer handler;
    bool is_command = false;
  };
  std::unordered_map<std::uint64_t, Question> questions_;
  std::vector<Frame> outgoing_;
  Batch waits_{message::Type::wait};
  Batch leaves_{message::Type::leave};
  Batch cancels_{message::Type::cancel};
  // Cancels that no entry remembers, until it is sure that no dying connection swallowed them.
  std::deque<std::pair<TimePoint, JobId>> said_cancels_;
  std::uint64_t next_number_ = 1;
  bool closed_ = false;
  std::optional<Error> ended_;  // closed, or the broker will never take us: what is asked now hears why
  // Tells what was posted to the loop whether the session is still there.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  Link link_;  // last: its handlers use all of the above
};

}  // namespace zebu
