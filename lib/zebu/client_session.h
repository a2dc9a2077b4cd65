#pragma once

#include <zebu/link.h>

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace zebu {

inline constexpr std::string_view kDefaultQueue = "default";

struct JobRequest {
  std::string task;
  std::string args;  // one msgpack array: pack_args() of convert.h makes it
  std::string queue{kDefaultQueue};
  JobOptions options;
};

struct ClientOptions {
  std::string broker = "tcp://127.0.0.1:5555";
  std::string name = "client";  // shown by the broker; need not be unique
  std::chrono::milliseconds liveness{3000};
};

// A client's session inside a program's own Asio loop: submits jobs, keeps what is not answered, says it all again
// after a broken connection, and calls a handler with each outcome. It owns no thread; one thread, the loop's, calls
// it. For a program without a loop, Client (client.h) runs one of these in a thread of its own.
//
// Handlers are called once, from the loop, never from inside of the call that they were given to, and not at all after
// leave() or close(). They may call back into the session.
class ClientSession {
 public:
  using OnAccepted = std::function<void(const Result<void>&)>;
  using OnOutcome = std::function<void(const Result<Outcome>&)>;
  // The answer to a query: one msgpack value, as docs/protocol.md describes.
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
  Ticket submit(JobRequest request, OnAccepted accepted, OnOutcome outcome) {
    return submit(Uuid::make(), std::move(request), std::move(accepted), std::move(outcome));
  }
  Ticket submit(const JobId& id, JobRequest request, OnAccepted accepted, OnOutcome outcome);
  // Waits for a job that somebody submitted. Any number of handlers may wait for one job.
  Ticket wait(const JobId& id, OnOutcome outcome);
  // Takes one handler back.
  void leave(const Ticket& ticket);
  // Asks the broker to end the job. Who waits hears how it ended.
  void cancel(const JobId& id);
  // what: "jobs" (with ids), "queues", "consumers", "broker". Error disconnected when the broker is away or goes away.
  void query(std::string what, std::vector<JobId> ids, OnAnswer answer);

  // Jobs that the broker has not answered yet.
  [[nodiscard]] std::size_t unaccepted() const { return unsent_.size() + unanswered_; }
  // Says BYE; all handlers that are left hear `closed`.
  void close();

 private:
  struct Waiter {
    std::uint64_t number;
    OnOutcome handler;
  };
  enum class Phase { unsent, unanswered, accepted };
  struct Entry {
    Phase phase = Phase::accepted;
    std::string submission;  // encoded, until the broker has answered
    OnAccepted accepted;
    std::uint64_t submitter = 0;  // the ticket that `accepted` came with
    std::vector<Waiter> waiters;
    bool told = false;  // the broker knows that we wait
  };
  using Entries = std::unordered_map<JobId, Entry>;

  Link::Handlers handlers();
  void up();
  void flush();
  void flush_submissions();
  void handle(const message::Message& message);
  void handle_accepted(const message::Accepted& accepted);
  void handle_refused(const message::Refused& refused);
  void handle_done(const message::Done& done);
  void finish(Entries::iterator entry, const Result<Outcome>& outcome);
  void fail_queries(const Error& why);
  void tell_ended(OnAccepted accepted, OnOutcome outcome);

  ClientOptions options_;
  InstanceId instance_ = Uuid::make();
  boost::asio::io_context& loop_;
  std::function<void(const Error*)> on_change_;
  Entries entries_;
  std::deque<JobId> unsent_;  // in the order of submission; ids that are gone from entries_ are passed over
  std::size_t unanswered_ = 0;
  std::unordered_map<std::uint64_t, OnAnswer> queries_;
  std::vector<Frame> outgoing_;
  Batch waits_{message::Type::wait};
  Batch leaves_{message::Type::leave};
  Batch cancels_{message::Type::cancel};
  std::uint64_t next_number_ = 1;
  bool closed_ = false;
  std::optional<Error> ended_;  // closed, or the broker will never take us: what is asked now hears why
  // Tells what was posted to the loop whether the session is still there.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  Link link_;  // last: its handlers use all of the above
};

}  // namespace zebu
