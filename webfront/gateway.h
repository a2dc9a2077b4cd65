#pragma once

#include "webfront/state_watch.h"
#include "zebu/awaitable.h"
#include "zebu/program/tallies.h"

#include <list>
#include <optional>
#include <string>
#include <vector>

namespace zebu::webfront {

class JobCrowd;
class JobFeed;

// A transient job that nobody else can ask for.
[[nodiscard]] bool is_unshared(const JobRequest& job);

// Connects HTTP requests to the broker: a session in the front end's own loop. While the broker is unavailable, new
// requests fail at once (disconnected). Requests that already wait keep waiting, since a broken connection loses
// nothing, and fail after twice the liveness.
//
// One thread, the loop's. Close it and run the loop until it is empty before you destroy it.
class Gateway {
 public:
  static constexpr std::chrono::milliseconds kQueryLimit{5'000};

  Gateway(boost::asio::io_context& loop, SocketContext& context, ClientOptions options);
  [[nodiscard]] Result<void> start() { return session_.start(); }
  void close();
  // The error of what cannot be asked now.
  [[nodiscard]] Error away() const;
  // One line for people: whether there is a broker, and how many requests wait for it.
  [[nodiscard]] std::string status() const;
  // Whether there is a session with the broker, and how many requests wait for it.
  [[nodiscard]] bool is_up() const { return session_.is_up(); }
  [[nodiscard]] std::size_t waiting() const { return waiting_.size(); }

  // Runs a job, and waits for its outcome as long as it takes. If the interrupt ends the wait, a transient job that is
  // not shared (it has no unique key) is cancelled, even while it runs.
  [[nodiscard]] boost::asio::awaitable<Result<Outcome>> run(JobRequest job, Interrupt& interrupt);

  struct Submitted {
    JobId id;
    bool is_attached = false;        // the id is that of an earlier job with the same unique key
    std::optional<Outcome> outcome;  // if it came within the wait
    // Set: the job was sent, and this is why it is not known whether the broker has it.
    std::optional<Error> unconfirmed;
  };
  struct Submission {
    JobId id;
    bool is_repeatable = false;  // others may submit and wait for this id: an interrupt does not cancel the job
    std::optional<std::chrono::milliseconds> wait;
  };
  // Submits a job, and waits for its outcome at most as long as `wait` says. With a wait, it also waits for the
  // broker's confirmation no longer than that, or a second. An error: the broker does not have the job.
  [[nodiscard]] boost::asio::awaitable<Result<Submitted>> submit(Submission how, JobRequest job, Interrupt& interrupt);
  struct BatchJob {
    JobId id;
    JobRequest job;  // is moved away
    // Afterwards: an earlier job has the unique key,
    std::optional<JobId> attached_to = {};
    // or the broker does not have it,
    std::optional<Error> why_not = {};
    // or it is not known whether the broker has it; why_not says why.
    bool is_unconfirmed = false;
  };
  // Submits all of them, and waits until the broker has answered for each.
  [[nodiscard]] boost::asio::awaitable<void> submit_all(std::vector<BatchJob>& jobs, Interrupt& interrupt);
  // Waits at most `limit` for a job that was submitted earlier. Fails with timed_out if it has not ended by then.
  [[nodiscard]] boost::asio::awaitable<Result<Outcome>> wait(JobId id, std::chrono::milliseconds limit,
                                                             Interrupt& interrupt);
  // ClientSession::query, with a time limit.
  [[nodiscard]] boost::asio::awaitable<Result<std::string>> query(std::string_view what, Params params,
                                                                  Interrupt& interrupt);
  [[nodiscard]] boost::asio::awaitable<Result<std::string>> query_jobs(const std::vector<JobId>& ids,
                                                                       Interrupt& interrupt,
                                                                       std::chrono::milliseconds limit = kQueryLimit);

  // Cancels a job that is known to be there, and waits at most `limit` for its end.
  boost::asio::awaitable<void> cancel(JobId id, std::chrono::milliseconds limit, Interrupt& interrupt);
  // ClientSession::command, with a time limit.
  [[nodiscard]] boost::asio::awaitable<Result<std::string>> command(std::string_view what, Params params,
                                                                    std::chrono::milliseconds limit,
                                                                    Interrupt& interrupt);

 private:
  friend class JobCrowd;
  friend class JobFeed;
  class Waiting;
  void changed(const Error* why);
  // Logs that the session takes no more jobs, the first time and when it takes them again.
  void note_refusal(const Error& why);
  void end_refusals();
  void give_up();
  // Leaves a job after the interrupt has ended the wait for it, and cancels it if it is ours alone.
  void abandon(PendingJob& job, bool is_ours);

  std::string broker_;
  StateWatch states_;
  ClientSession session_;
  boost::asio::steady_timer absence_;
  Tallies refusals_{Tallies::Ends::when_quiet, std::chrono::seconds(5)};
  boost::asio::steady_timer refusals_end_;
  bool is_closed_ = false;
  std::list<Interrupt*> waiting_;
  std::list<JobFeed*> feeds_;
};

}  // namespace zebu::webfront
