#pragma once

#include "zebu/client.h"
#include "zebu/client_session.h"
#include "zebu/thread_annotations.h"

#include <boost/asio/executor_work_guard.hpp>

#include <atomic>
#include <condition_variable>
#include <thread>
#include <variant>

// Internal to Client: its thread, and the commands that callers send to it.
namespace zebu::client_detail {

struct SubmitCommand {
  JobId id;
  JobRequest request;
  ClientSession::OnAccepted accepted;
  ClientSession::OnOutcome outcome;
  ClientSession::OnProgress progress;
};
struct WaitCommand {
  JobId id;
  ClientSession::OnOutcome outcome;
  ClientSession::OnProgress progress;
};
struct CancelCommand {
  JobId id;
};
struct AskCommand {
  bool is_command;  // else a query
  std::string what;
  Params params;
  ClientSession::OnAnswer answer;
  ClientSession::OnAnswer progress;  // of a command
};
using Command = std::variant<SubmitCommand, WaitCommand, CancelCommand, AskCommand>;

// Waits until `is_there` or the timeout. Returns false on timeout.
template <class Predicate>
bool wait_until(std::condition_variable& changed, Lock& lock, Timeout timeout, Predicate is_there) {
  if (timeout) return changed.wait_for(lock.native(), *timeout, is_there);
  changed.wait(lock.native(), is_there);
  return true;
}

[[nodiscard]] std::string milliseconds_text(Timeout timeout);

// The client's thread and its inbox. Callers wake the loop only if the inbox was empty, so that a thousand submissions
// cost one wake-up.
class Loop {
 public:
  explicit Loop(ClientOptions options);

  Result<void> start();
  // Thread-safe. If the client was closed, calls the command's handlers with `closed` at once.
  void put(Command command);
  // As put(), within the client's limits of unanswered submissions. At the limit it waits for the broker's answers, or
  // calls the handlers with client_full at once, as `when_full` says: in the client's own thread it never waits. False:
  // the deadline has passed, and nothing was submitted.
  [[nodiscard]] bool submit(SubmitCommand command, WhenFull when_full, std::optional<TimePoint> deadline);
  [[nodiscard]] WhenFull when_full() const { return options_.when_full; }
  // Joins the thread, so it must not be called from it.
  void close();
  Result<void> wait_connected(Timeout timeout);

 private:
  void put_locked(Command command) ZEBU_REQUIRES(mutex_);
  void take_inbox();
  void note_change(const Error* why);
  void note_waiting(const Finding& why);
  void note_answered();

  const ClientOptions options_;
  boost::asio::io_context loop_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard_{loop_.get_executor()};
  SocketContext context_;
  ClientSession session_;
  std::vector<Command> taken_;  // used by the loop's thread only; a member to reuse its memory
  Mutex mutex_;
  std::condition_variable changed_;
  std::condition_variable has_room_;
  std::vector<Command> inbox_ ZEBU_GUARDED_BY(mutex_);
  std::atomic<int> waiting_for_room_ = 0;
  bool up_ ZEBU_GUARDED_BY(mutex_) = false;
  bool closed_ ZEBU_GUARDED_BY(mutex_) = false;
  std::optional<Error> refusal_ ZEBU_GUARDED_BY(mutex_);
  std::optional<Error> put_off_ ZEBU_GUARDED_BY(mutex_);  // what the broker said when it did not take this client
  bool has_said_waiting_ = false;                         // the loop's thread only
  std::thread thread_;
};

}  // namespace zebu::client_detail
