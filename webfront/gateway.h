#pragma once

#include "zebu/awaitable.h"

#include <list>
#include <optional>
#include <string>
#include <vector>

namespace zebu::webfront {

// The way from HTTP requests to the broker: a session in the front end's own loop, and what is done while the broker is
// away. A request that comes then is refused at once (disconnected). One that waits already goes on waiting, because a
// broken connection loses nothing, and is given up after twice the liveness.
//
// One thread, the loop's. It must be closed, and the loop run empty, before it is destroyed.
class Gateway {
 public:
  Gateway(boost::asio::io_context& loop, SocketContext& context, ClientOptions options);
  [[nodiscard]] Result<void> start() { return session_.start(); }
  void close();

  // Runs a job for somebody who waits for it as long as it takes. When the interrupt ends the wait, nobody needs the
  // job any more: a transient one that nobody shares (it has no unique key) is cancelled, also while it runs.
  [[nodiscard]] boost::asio::awaitable<Result<Outcome>> run(JobRequest job, Interrupt& interrupt);

  struct Submitted {
    JobId id;
    bool is_attached = false;        // it is an earlier job's, with the same unique key
    std::optional<Outcome> outcome;  // when it came within the wait
  };
  // Submits a job, and waits at most `wait` for its outcome.
  [[nodiscard]] boost::asio::awaitable<Result<Submitted>> submit(JobRequest job,
                                                                 std::optional<std::chrono::milliseconds> wait,
                                                                 Interrupt& interrupt);
  // Waits at most `limit` for a job that somebody submitted; timed_out when it has not ended by then.
  [[nodiscard]] boost::asio::awaitable<Result<Outcome>> wait(JobId id, std::chrono::milliseconds limit,
                                                             Interrupt& interrupt);
  // ClientSession::query, with a time limit.
  [[nodiscard]] boost::asio::awaitable<Result<std::string>> query(std::string_view what, Interrupt& interrupt);
  [[nodiscard]] boost::asio::awaitable<Result<std::string>> query_jobs(const std::vector<JobId>& ids,
                                                                       Interrupt& interrupt,
                                                                       std::chrono::milliseconds limit = kQueryLimit);

 private:
  static constexpr std::chrono::milliseconds kQueryLimit{5'000};
  class Waiting;
  [[nodiscard]] Error away() const;
  void changed(const Error* why);
  void give_up();
  // After a wait that the interrupt ended.
  void abandon(PendingJob& job, bool is_ours);

  std::string broker_;
  ClientSession session_;
  boost::asio::steady_timer absence_;
  std::list<Interrupt*> waiting_;
};

}  // namespace zebu::webfront
