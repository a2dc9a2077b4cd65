#pragma once

#include "zebu/client_session.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include <optional>
#include <string>
#include <vector>

// Jobs for a program whose own Asio loop runs C++20 coroutines. All of it runs in the loop's one thread.
//
//   const auto outcome = co_await zebu::run(session, {"fib", pack_args(30)}, Clock::now() + 10s);
namespace zebu {

// Ends a coroutine's wait from outside, for instance because the one whom it works for has gone. At most one wait uses
// it at a time; once raised, later waits end at once too. It outlives the waits that it was given to.
class Interrupt {
 public:
  // The first raise counts: `why` is what the wait returns.
  void raise(Error why);
  [[nodiscard]] const std::optional<Error>& raised() const { return why_; }

 private:
  friend class Pause;
  std::optional<Error> why_;
  boost::asio::steady_timer* sleeping_ = nullptr;
};

// A coroutine's sleep until it is woken, interrupted, or a deadline passes; whoever sleeps looks what it was.
class Pause {
 public:
  Pause(boost::asio::io_context& loop, Interrupt* interrupt);
  ~Pause();
  Pause(const Pause&) = delete;
  Pause& operator=(const Pause&) = delete;

  [[nodiscard]] boost::asio::awaitable<void> until(TimePoint deadline);
  void wake() { timer_.cancel(); }
  [[nodiscard]] bool is_interrupted() const { return interrupt_ != nullptr && interrupt_->raised().has_value(); }
  // Why a sleep ended that nobody woke: the interrupt's error, or timed_out with `what`.
  [[nodiscard]] Error ended(const char* what) const;

 private:
  boost::asio::steady_timer timer_;
  Interrupt* interrupt_;
};

// A job that a coroutine waits for. It leaves the job when it is destroyed, so a coroutine that gives up, or is dropped
// while it waits, leaves nothing behind. It must go before its session does, unless the session was closed.
class PendingJob {
 public:
  // Submits `request` as job `id`.
  PendingJob(ClientSession& session, const JobId& id, JobRequest request, Interrupt* interrupt = nullptr);
  // Waits for a job that somebody submitted.
  PendingJob(ClientSession& session, const JobId& id, Interrupt* interrupt = nullptr);
  ~PendingJob() { leave(); }
  PendingJob(const PendingJob&) = delete;
  PendingJob& operator=(const PendingJob&) = delete;

  // Once accepted: of another, earlier job when that one has its unique key; that is the one that is waited for then.
  [[nodiscard]] const JobId& id() const { return id_; }
  // Until the broker has the job. Errors: those of ClientSession::submit, timed_out, the interrupt's.
  [[nodiscard]] boost::asio::awaitable<Result<void>> accepted(TimePoint deadline);
  // Until the job has ended. Errors as above. May be called again after timed_out.
  [[nodiscard]] boost::asio::awaitable<Result<Outcome>> outcome(TimePoint deadline);
  // Stops waiting: the job itself goes on.
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

// Submits a job and waits for its outcome. On an error the job itself may still run: ClientSession::cancel ends it.
[[nodiscard]] boost::asio::awaitable<Result<Outcome>> run(ClientSession& session, JobRequest request,
                                                          TimePoint deadline, Interrupt* interrupt = nullptr);

// ClientSession::query and command, as awaitables: one msgpack value, as docs/protocol.md describes for each `what`.
[[nodiscard]] boost::asio::awaitable<Result<std::string>> query(ClientSession& session, std::string what, Params params,
                                                                TimePoint deadline, Interrupt* interrupt = nullptr);
[[nodiscard]] boost::asio::awaitable<Result<std::string>> command(ClientSession& session, std::string what,
                                                                  Params params, TimePoint deadline,
                                                                  Interrupt* interrupt = nullptr);

}  // namespace zebu
