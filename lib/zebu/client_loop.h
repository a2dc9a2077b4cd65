#pragma once

#include "zebu/client.h"
#include "zebu/client_session.h"

#include <boost/asio/executor_work_guard.hpp>

#include <condition_variable>
#include <mutex>
#include <thread>
#include <variant>

// Inside of the client only: its thread, and what callers ask of it.
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
};
using Command = std::variant<SubmitCommand, WaitCommand, CancelCommand, AskCommand>;

// Until `is_there`, or the timeout; says which.
template <class Predicate>
bool wait_until(std::condition_variable& changed, std::unique_lock<std::mutex>& lock, Timeout timeout,
                Predicate is_there) {
  if (timeout) return changed.wait_for(lock, *timeout, is_there);
  changed.wait(lock, is_there);
  return true;
}

[[nodiscard]] std::string milliseconds_text(Timeout timeout);

// The client's thread and the way into it: callers put commands into the inbox, and wake the loop only when it was
// empty, so that a thousand submits cost one wake-up.
class Loop {
 public:
  explicit Loop(ClientOptions options) : broker_(options.broker), session_(loop_, context_, std::move(options)) {}

  Result<void> start();
  // From any thread; `closed` to its handlers, at once, when the client was closed.
  void put(Command command);
  // Joins the thread; not to be called by it.
  void close();
  Result<void> wait_connected(Timeout timeout);

 private:
  void take_inbox();
  void note_change(const Error* why);

  const std::string broker_;
  boost::asio::io_context loop_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard_{loop_.get_executor()};
  SocketContext context_;
  ClientSession session_;
  std::vector<Command> taken_;  // of the loop's thread; kept for its memory
  std::mutex mutex_;            // guards what follows
  std::condition_variable changed_;
  std::vector<Command> inbox_;
  bool up_ = false;
  bool closed_ = false;
  std::optional<Error> refusal_;
  std::thread thread_;
};

}  // namespace zebu::client_detail
