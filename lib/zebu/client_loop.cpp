#include "zebu/client_loop.h"

#include <boost/asio/post.hpp>

namespace zebu::client_detail {
namespace {

// The loop whose thread this is.
thread_local const Loop* running_here = nullptr;

Error closed_error() { return {ErrorCode::closed, "the client was closed", {}}; }

// About what the request will have, encoded.
std::size_t size_of(const JobRequest& request) {
  std::size_t size = 64 + request.task.size() + request.queue.size() + request.args.size() + request.kwargs.size() +
                     request.options.unique.size();
  for (const auto& [name, value] : request.options.headers) size += name.size() + value.size();
  return size;
}

void run(ClientSession& session, SubmitCommand& command) {
  const std::size_t reserved = size_of(command.request);
  const auto ticket = session.submit(command.id, std::move(command.request), std::move(command.accepted),
                                     std::move(command.outcome), reserved);
  if (command.progress) session.on_progress(ticket, std::move(command.progress));
}
void run(ClientSession& session, WaitCommand& command) {
  const auto ticket = session.wait(command.id, std::move(command.outcome));
  if (command.progress) session.on_progress(ticket, std::move(command.progress));
}
void run(ClientSession& session, CancelCommand& command) { session.cancel(command.id); }
void run(ClientSession& session, AskCommand& command) {
  if (command.is_command) {
    session.command(std::move(command.what), std::move(command.params), std::move(command.answer),
                    std::move(command.progress));
  } else {
    session.query(std::move(command.what), std::move(command.params), std::move(command.answer));
  }
}

void refuse(const SubmitCommand& command, const Error& why) {
  if (command.accepted) command.accepted(tl::make_unexpected(why));
  if (command.outcome) command.outcome(tl::make_unexpected(why));
}
void refuse(const WaitCommand& command, const Error& why) { command.outcome(tl::make_unexpected(why)); }
void refuse(const CancelCommand&, const Error&) {}
void refuse(const AskCommand& command, const Error& why) { command.answer(tl::make_unexpected(why)); }

}  // namespace

std::string milliseconds_text(Timeout timeout) { return std::to_string(timeout ? timeout->count() : 0) + " ms"; }

Loop::Loop(ClientOptions options) : options_(std::move(options)), session_(loop_, context_, options_) {}

Result<void> Loop::start() {
  session_.on_answered([this] { note_answered(); });
  session_.on_change([this](const Error* why) { note_change(why); });
  session_.on_put_off([this](const Error& why) {
    const Lock lock(mutex_);
    put_off_ = why;
  });
  session_.on_waiting([this](const Finding& why, std::chrono::milliseconds) { note_waiting(why); });
  auto started = session_.start();
  if (started) {
    thread_ = std::thread([this] {
      running_here = this;
      loop_.run();
    });
  }
  return started;
}

void Loop::put(Command command) {
  {
    const Lock lock(mutex_);
    if (!closed_) return put_locked(std::move(command));
  }
  std::visit([](const auto& c) { refuse(c, closed_error()); }, command);
}

// Wakes the loop only if it has nothing to take yet.
void Loop::put_locked(Command command) {
  const bool wake = inbox_.empty();
  inbox_.push_back(std::move(command));
  if (wake) boost::asio::post(loop_, [this] { take_inbox(); });
}

bool Loop::submit(SubmitCommand command, WhenFull when_full, std::optional<TimePoint> deadline) {
  std::optional<Error> why;
  {
    Lock lock(mutex_);
    const auto may_go_on = [this]() ZEBU_REQUIRES(mutex_) { return closed_ || !session_.why_full(); };
    if (when_full == WhenFull::wait && running_here != this && !may_go_on()) {
      ++waiting_for_room_;
      const bool has_room = deadline ? has_room_.wait_until(lock.native(), *deadline, may_go_on)
                                     : (has_room_.wait(lock.native(), may_go_on), true);
      --waiting_for_room_;
      if (!has_room) return false;
    }
    why = closed_ ? closed_error() : session_.why_full();
    if (!why) {
      session_.reserve(size_of(command.request));
      put_locked(std::move(command));
      return true;
    }
  }
  refuse(command, *why);
  return true;
}

// A thread that waits has said so before it looks, and this has made room before it asks: one of them sees the other.
void Loop::note_answered() {
  if (waiting_for_room_ == 0) return;
  const Lock lock(mutex_);
  has_room_.notify_all();
}

void Loop::close() {
  {
    const Lock lock(mutex_);
    closed_ = true;
    has_room_.notify_all();
  }
  if (!thread_.joinable()) return;
  boost::asio::post(loop_, [this] {
    take_inbox();
    session_.close();
    guard_.reset();
  });
  thread_.join();
}

Result<void> Loop::wait_connected(Timeout timeout) {
  const TimePoint deadline = timeout ? Clock::now() + *timeout : TimePoint::max();
  Lock lock(mutex_);
  const auto is_decided = [this]() ZEBU_REQUIRES(mutex_) { return up_ || refusal_; };
  std::optional<Look> look;
  if (timeout && !wait_until(changed_, lock, *timeout / 2, is_decided)) look.emplace(options_.broker);
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
  if (!wait_until(changed_, lock, timeout ? Timeout(left) : timeout, is_decided)) {
    if (put_off_) return tl::make_unexpected(*put_off_);
    const auto finding = look->finding();
    return fail(ErrorCode::disconnected, "no broker answers at " + options_.broker + " (waited " +
                                             milliseconds_text(timeout) + ")" + (finding ? ": " + finding->text : ""));
  }
  if (refusal_) return tl::make_unexpected(*refusal_);
  return {};
}

void Loop::take_inbox() {
  {
    const Lock lock(mutex_);
    taken_.swap(inbox_);
  }
  for (Command& command : taken_) std::visit([&](auto& c) { run(session_, c); }, command);
  taken_.clear();
}

void Loop::note_waiting(const Finding& why) {
  if (!options_.on_waiting) return;
  has_said_waiting_ = true;
  options_.on_waiting(why.text);
}

void Loop::note_change(const Error* why) {
  if (why == nullptr && std::exchange(has_said_waiting_, false)) options_.on_waiting({});
  const Lock lock(mutex_);
  up_ = why == nullptr;
  if (why != nullptr && why->code != ErrorCode::disconnected) refusal_ = *why;
  changed_.notify_all();
}

}  // namespace zebu::client_detail
