#pragma once

#include "zebu/client_session.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include <optional>
#include <string>
#include <vector>

// Jobs for a program whose Asio loop runs C++20 coroutines. Use everything here from the loop's thread only.
//
//   const auto outcome = co_await zebu::run(session, {"fib", pack_args(30)}, Clock::now() + 10s);
namespace zebu {

// Ends a coroutine's wait from outside, for instance because its HTTP client has hung up. At most one wait uses an
// Interrupt at a time. Once raised, it also ends later waits at once. It must outlive the waits that use it.
class Interrupt {
 public:
  // The wait returns `why`. Only the first call has an effect.
  void raise(Error why);
  [[nodiscard]] const std::optional<Error>& raised() const { return why_; }

 private:
  friend class Pause;
  std::optional<Error> why_;
  boost::asio::steady_timer* sleeping_ = nullptr;
};

// Suspends a coroutine until it is woken, interrupted, or a deadline passes. The coroutine checks which it was.
class Pause {
 public:
  Pause(boost::asio::io_context& loop, Interrupt* interrupt);
  ~Pause();
  Pause(const Pause&) = delete;
  Pause& operator=(const Pause&) = delete;

  [[nodiscard]] boost::asio::awaitable<void> until(TimePoint deadline);
  void wake() { timer_.cancel(); }
  [[nodiscard]] bool is_interrupted() const { return interrupt_ != nullptr && interrupt_->raised().has_value(); }
  // Why a sleep ended without wake(): the interrupt's error, or timed_out with the message `what`.
  [[nodiscard]] Error ended(const char* what) const;

 private:
  boost::asio::steady_timer timer_;
  Interrupt* interrupt_;
};

// A job that a coroutine waits for. The destructor calls leave(), so a coroutine that gives up or is destroyed while it
// waits leaves nothing behind. Destroy it before its session, unless the session was closed.
class PendingJob {
 public:
  // Submits `request` as job `id`.
  PendingJob(ClientSession& session, const JobId& id, JobRequest request, Interrupt* interrupt = nullptr);
  // Waits for a job that was submitted before, here or elsewhere.
  PendingJob(ClientSession& session, const JobId& id, Interrupt* interrupt = nullptr);
  ~PendingJob() { leave(); }
  PendingJob(const PendingJob&) = delete;
  PendingJob& operator=(const PendingJob&) = delete;

  // The id of the job that is waited for. It changes on acceptance if an earlier job holds the unique key.
  [[nodiscard]] const JobId& id() const { return id_; }
  // Waits until the broker has the job. Errors: those of ClientSession::submit, timed_out, the interrupt's.
  [[nodiscard]] boost::asio::awaitable<Result<void>> accepted(TimePoint deadline);
  // Waits until the job has ended, and gives its outcome away. Errors as above. May be called again after timed_out.
  [[nodiscard]] boost::asio::awaitable<Result<Outcome>> outcome(TimePoint deadline);
  // Stops waiting. The job itself continues.
  void leave();

 private:
  void end(const Result<Outcome>& outcome);

  ClientSession& session_;
  JobId id_;
  Pause pause_;
  std::optional<ClientSession::Ticket> ticket_;
  std::optional<Result<void>> accepted_;
  std::optional<Result<Outcome>> outcome_;
  bool awaits_accepted_ = false;
};

// Submits a job and waits for its outcome. After an error the job may still run: ClientSession::cancel ends it.
[[nodiscard]] boost::asio::awaitable<Result<Outcome>> run(ClientSession& session, JobRequest request,
                                                          TimePoint deadline, Interrupt* interrupt = nullptr);

// ClientSession::query and command as awaitables. The answer is one msgpack value, described in docs/protocol.md for
// each `what`.
[[nodiscard]] boost::asio::awaitable<Result<std::string>> query(ClientSession& session, std::string what, Params params,
                                                                TimePoint deadline, Interrupt* interrupt = nullptr);
[[nodiscard]] boost::asio::awaitable<Result<std::string>> command(ClientSession& session, std::string what,
                                                                  Params params, TimePoint deadline,
                                                                  Interrupt* interrupt = nullptr);

}  // namespace zebu
