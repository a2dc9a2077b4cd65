#include "zebu/awaitable.h"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <cassert>
#include <memory>

namespace zebu {

using boost::asio::awaitable;

void Interrupt::raise(Error why) {
  if (why_) return;
  why_ = std::move(why);
  if (sleeping_ != nullptr) sleeping_->cancel();
}

Pause::Pause(boost::asio::io_context& loop, Interrupt* interrupt) : timer_(loop), interrupt_(interrupt) {}

// The coroutine may be destroyed while it sleeps.
Pause::~Pause() {
  if (interrupt_ != nullptr && interrupt_->sleeping_ == &timer_) interrupt_->sleeping_ = nullptr;
}

awaitable<void> Pause::until(TimePoint deadline) {
  if (is_interrupted()) co_return;
  boost::system::error_code woken;
  timer_.expires_at(deadline);
  if (interrupt_ != nullptr) {
    assert(interrupt_->sleeping_ == nullptr);
    interrupt_->sleeping_ = &timer_;
  }
  co_await timer_.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, woken));
  if (interrupt_ != nullptr) interrupt_->sleeping_ = nullptr;
}

Error Pause::ended(const char* what) const {
  if (is_interrupted()) return *interrupt_->raised();
  return {ErrorCode::timed_out, what, {}};
}

PendingJob::PendingJob(ClientSession& session, const JobId& id, JobRequest request, Interrupt* interrupt)
    : session_(session), id_(id), pause_(session.loop(), interrupt) {
  const auto accepted = [this](const Result<JobId>& answer) {
    if (answer) id_ = *answer;
    accepted_ = answer ? Result<void>() : Result<void>(tl::make_unexpected(answer.error()));
    if (awaits_accepted_) pause_.wake();
  };
  ticket_ = session_.submit(id, std::move(request), accepted, [this](const Result<Outcome>& outcome) { end(outcome); });
}

PendingJob::PendingJob(ClientSession& session, const JobId& id, Interrupt* interrupt)
    : session_(session), id_(id), pause_(session.loop(), interrupt), accepted_(Result<void>()) {
  ticket_ = session_.wait(id, [this](const Result<Outcome>& outcome) { end(outcome); });
}

void PendingJob::end(const Result<Outcome>& outcome) {
  ticket_.reset();
  outcome_ = outcome;
  pause_.wake();
}

awaitable<Result<void>> PendingJob::accepted(TimePoint deadline) {
  awaits_accepted_ = true;
  while (!accepted_ && !pause_.is_interrupted() && Clock::now() < deadline) co_await pause_.until(deadline);
  awaits_accepted_ = false;
  if (!accepted_) co_return tl::make_unexpected(pause_.ended("the broker did not confirm the job in time"));
  co_return *accepted_;
}

awaitable<Result<Outcome>> PendingJob::outcome(TimePoint deadline) {
  while (!outcome_ && !pause_.is_interrupted() && Clock::now() < deadline) co_await pause_.until(deadline);
  if (!outcome_) co_return tl::make_unexpected(pause_.ended("the job did not end in time"));
  co_return std::move(*outcome_);
}

void PendingJob::leave() {
  if (ticket_) session_.leave(*ticket_);
  ticket_.reset();
}

awaitable<Result<Outcome>> run(ClientSession& session, JobRequest request, TimePoint deadline, Interrupt* interrupt) {
  PendingJob job(session, Uuid::make(), std::move(request), interrupt);
  co_return co_await job.outcome(deadline);
}

namespace {

using Ask = void (ClientSession::*)(std::string, Params, ClientSession::OnAnswer);

awaitable<Result<std::string>> ask(ClientSession& session, Ask how, std::string what, Params params, TimePoint deadline,
                                   Interrupt* interrupt) {
  Pause pause(session.loop(), interrupt);
  std::optional<Result<std::string>> answer;
  // A query cannot be withdrawn, and its answer may arrive after this coroutine has ended. (shared_ptr: the callback
  // needs a weak reference to detect that.)
  const auto handler = std::make_shared<std::function<void(const Result<std::string>&)>>(
      [&pause, &answer](const Result<std::string>& value) {
        answer = value;
        pause.wake();
      });
  const std::weak_ptr<std::function<void(const Result<std::string>&)>> waiting = handler;
  (session.*how)(std::move(what), std::move(params), [waiting](const Result<std::string>& value) {
    if (const auto here = waiting.lock()) (*here)(value);
  });
  while (!answer && !pause.is_interrupted() && Clock::now() < deadline) co_await pause.until(deadline);
  if (!answer) co_return tl::make_unexpected(pause.ended("the broker did not answer in time"));
  co_return std::move(*answer);
}

}  // namespace

awaitable<Result<std::string>> query(ClientSession& session, std::string what, Params params, TimePoint deadline,
                                     Interrupt* interrupt) {
  return ask(session, &ClientSession::query, std::move(what), std::move(params), deadline, interrupt);
}

awaitable<Result<std::string>> command(ClientSession& session, std::string what, Params params, TimePoint deadline,
                                       Interrupt* interrupt) {
  return ask(session, &ClientSession::command, std::move(what), std::move(params), deadline, interrupt);
}

}  // namespace zebu
