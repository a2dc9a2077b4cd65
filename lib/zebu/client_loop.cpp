#include "zebu/client_loop.h"

#include <boost/asio/post.hpp>

namespace zebu::client_detail {
namespace {

void run(ClientSession& session, SubmitCommand& command) {
  const auto ticket =
      session.submit(command.id, std::move(command.request), std::move(command.accepted), std::move(command.outcome));
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

Result<void> Loop::start() {
  session_.on_change([this](const Error* why) { note_change(why); });
  session_.on_put_off([this](const Error& why) {
    const Lock lock(mutex_);
    put_off_ = why;
  });
  auto started = session_.start();
  if (started) {
    thread_ = std::thread([this] { loop_.run(); });
  }
  return started;
}

void Loop::put(Command command) {
  bool wake = false;
  bool is_closed = false;
  {
    const Lock lock(mutex_);
    is_closed = closed_;
    if (!is_closed) {
      wake = inbox_.empty();
      inbox_.push_back(std::move(command));
    }
  }
  if (is_closed) {
    const Error why{ErrorCode::closed, "the client was closed", {}};
    std::visit([&](const auto& c) { refuse(c, why); }, command);
  } else if (wake) {
    boost::asio::post(loop_, [this] { take_inbox(); });
  }
}

void Loop::close() {
  {
    const Lock lock(mutex_);
    closed_ = true;
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
  Lock lock(mutex_);
  if (!wait_until(changed_, lock, timeout, [this]() ZEBU_REQUIRES(mutex_) { return up_ || refusal_; })) {
    if (put_off_) return tl::make_unexpected(*put_off_);
    return fail(ErrorCode::disconnected,
                "no broker answers at " + broker_ + " (waited " + milliseconds_text(timeout) + ")");
  }
  if (refusal_) return tl::make_unexpected(*refusal_);
  return {};
}

void Loop::take_inbox() {
  {
    const Lock lock(mutex_);
    taken_.swap(inbox_);
  }
  for (Command& command : taken_) {
    std::visit([&](auto& c) { run(session_, c); }, command);
  }
  taken_.clear();
}

void Loop::note_change(const Error* why) {
  const Lock lock(mutex_);
  up_ = why == nullptr;
  if (why != nullptr && why->code != ErrorCode::disconnected) refusal_ = *why;
  changed_.notify_all();
}

}  // namespace zebu::client_detail
