#include "webfront/gateway.h"

#include "webfront/job_feed.h"
#include "zebu/program/log.h"

#include <algorithm>
#include <deque>

namespace zebu::webfront {

using boost::asio::awaitable;
using namespace std::chrono_literals;

namespace {

// Only a broker that lost its memory in a restart does not know a job that it has accepted from this front end.
Error explained(Error error) {
  if (error.code == ErrorCode::unknown_job) error.message = "the broker was restarted and no longer knows the job";
  return error;
}

// The least time in which the broker may confirm a job that is waited for.
constexpr std::chrono::milliseconds kConfirm{1'000};

// Whether a wait has ended without the broker's answer, for another reason than that nobody needs it.
bool is_unanswered(const Error& error) {
  return error.code == ErrorCode::timed_out || error.code == ErrorCode::disconnected;
}

}  // namespace

bool is_unshared(const JobRequest& job) { return job.options.transient && job.options.unique.empty(); }

// Registers a request among those that a long absence of the broker ends.
class Gateway::Waiting {
 public:
  Waiting(std::list<Interrupt*>& all, Interrupt& mine) : all_(all), place_(all.insert(all.end(), &mine)) {}
  ~Waiting() { all_.erase(place_); }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

 private:
  std::list<Interrupt*>& all_;
  std::list<Interrupt*>::iterator place_;
};

Gateway::Gateway(boost::asio::io_context& loop, SocketContext& context, ClientOptions options)
    : broker_(options.broker),
      states_(loop, session_),
      session_(loop, context, std::move(options)),
      absence_(loop),
      refusals_end_(loop) {
  name_log_instance(session_.instance().to_string());
  session_.on_change([this](const Error* why) { changed(why); });
  session_.on_waiting([this](const Finding& why, std::chrono::milliseconds time) {
    log_event(Event::broker_awaited, {{"broker", broker_}, {"cause", why.cause}, {"waited_ms", time}},
              "waiting for the broker at {}: {}", broker_, why.text);
  });
  session_.on_put_off([this](const Error& why) {
    log_event(Event::broker_put_off, {{"broker", broker_}, {"code", to_string(why.code)}},
              "the broker at {} does not take this front end now: {}", broker_, why.message);
  });
}

void Gateway::close() {
  is_closed_ = true;
  states_.close();
  absence_.cancel();
  refusals_end_.cancel();
  session_.close();
}

std::string Gateway::status() const {
  return (session_.is_up() ? "connected to " : "without its broker at ") + broker_ + "; " +
         std::to_string(waiting_.size()) + " requests wait, " + std::to_string(feeds_.size()) + " jobs are followed";
}

Error Gateway::away() const {
  return {ErrorCode::disconnected, "the broker at " + broker_ + " does not answer; try again soon", {}};
}

void Gateway::changed(const Error* why) {
  for (JobFeed* feed : feeds_) feed->changed(why == nullptr);
  if (why == nullptr) {
    log_event(Event::broker_connected, {{"broker", broker_}}, "connected to the broker at {}", broker_);
    absence_.cancel();
    return;
  }
  if (why->code == ErrorCode::disconnected) {
    log_event(Event::broker_lost, {{"broker", broker_}}, "lost the connection to the broker: {}", why->message);
  } else {
    log_event(Event::broker_refused, {{"broker", broker_}, {"code", to_string(why->code)}},
              "the broker at {} refuses this front end: {}", broker_, why->message);
  }
  absence_.expires_after(2 * session_.liveness());
  absence_.async_wait([this](const boost::system::error_code& error) {
    if (!error && !session_.is_up()) give_up();
  });
}

void Gateway::note_refusal(const Error& why) {
  if (why.code != ErrorCode::client_full || is_closed_) return;
  const std::string code(to_string(why.code));
  if (!refusals_.add({code, {}}, {}, Clock::now())) return;
  log_event(Event::refusals_began, {{"code", code}}, "jobs are refused: {}", why.message);
  end_refusals();
}

void Gateway::end_refusals() {
  refusals_end_.expires_after(1s);
  refusals_end_.async_wait([this](const boost::system::error_code& error) {
    if (error || is_closed_) return;  // a cancel comes too late for a timer that has expired already
    const auto ended = refusals_.tick(Clock::now());
    if (ended.empty()) return end_refusals();
    for (const auto& [kind, count, lasted, last] : ended) {
      log_event(Event::refusals_ended, {{"code", kind.first}, {"count", count}, {"lasted_ms", lasted}},
                "no jobs are refused any more ({}): {} were, within {} ms", kind.first, count, lasted.count());
    }
  });
}

void Gateway::give_up() {
  for (Interrupt* interrupt : waiting_) interrupt->raise(away());
}

void Gateway::abandon(PendingJob& job, bool is_ours) {
  job.leave();
  if (is_ours) session_.cancel(job.id());
}

awaitable<Result<Outcome>> Gateway::run(JobRequest job, Interrupt& interrupt) {
  if (!session_.is_up()) co_return tl::make_unexpected(away());
  const Waiting waiting(waiting_, interrupt);
  const bool is_ours = is_unshared(job);
  PendingJob pending(session_, Uuid::make(), std::move(job), &interrupt);
  Result<Outcome> outcome = co_await pending.outcome(TimePoint::max());
  if (interrupt.raised()) abandon(pending, is_ours);
  if (!outcome) {
    note_refusal(outcome.error());
    co_return tl::make_unexpected(explained(outcome.error()));
  }
  co_return outcome;
}

awaitable<Result<Gateway::Submitted>> Gateway::submit(Submission how, JobRequest job, Interrupt& interrupt) {
  if (!session_.is_up()) co_return tl::make_unexpected(away());
  const Waiting waiting(waiting_, interrupt);
  const auto& [id, is_repeatable, wait] = how;
  const bool is_ours = wait && !is_repeatable && is_unshared(job);
  const TimePoint now = Clock::now();
  PendingJob pending(session_, id, std::move(job), &interrupt);
  const TimePoint latest = wait ? now + std::max(*wait, kConfirm) : TimePoint::max();
  const Result<void> accepted = co_await pending.accepted(latest);
  Submitted submitted{pending.id(), pending.id() != id, std::nullopt, std::nullopt};
  Result<Outcome> outcome = fail(ErrorCode::timed_out, "nothing was waited for");
  if (accepted && wait) outcome = co_await pending.outcome(now + *wait);
  if (!accepted && is_unanswered(accepted.error())) {
    submitted.unconfirmed = accepted.error();
  } else if (!accepted || (!outcome && !is_unanswered(outcome.error()))) {
    if (!accepted) note_refusal(accepted.error());
    // The interrupt says closed when the client has hung up.
    if (interrupt.raised()) abandon(pending, is_ours);
    co_return tl::make_unexpected(explained(accepted ? outcome.error() : accepted.error()));
  } else if (outcome) {
    submitted.outcome = std::move(*outcome);
  }
  co_return submitted;
}

awaitable<void> Gateway::submit_all(std::vector<BatchJob>& jobs, Interrupt& interrupt) {
  if (!session_.is_up()) {
    for (BatchJob& each : jobs) each.why_not = away();
    co_return;
  }
  const Waiting waiting(waiting_, interrupt);
  std::deque<PendingJob> pending;
  for (BatchJob& each : jobs) pending.emplace_back(session_, each.id, std::move(each.job), &interrupt);
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    const Result<void> accepted = co_await pending[i].accepted(TimePoint::max());
    if (accepted) {
      if (pending[i].id() != jobs[i].id) jobs[i].attached_to = pending[i].id();
      continue;
    }
    note_refusal(accepted.error());
    jobs[i].is_unconfirmed = is_unanswered(accepted.error());
    jobs[i].why_not = accepted.error();
  }
}

awaitable<Result<Outcome>> Gateway::wait(JobId id, std::chrono::milliseconds limit, Interrupt& interrupt) {
  if (!session_.is_up()) co_return tl::make_unexpected(away());
  const Waiting waiting(waiting_, interrupt);
  PendingJob pending(session_, id, &interrupt);
  co_return co_await pending.outcome(Clock::now() + limit);
}

awaitable<void> Gateway::cancel(JobId id, std::chrono::milliseconds limit, Interrupt& interrupt) {
  if (!session_.is_up()) co_return;
  const Waiting waiting(waiting_, interrupt);
  PendingJob pending(session_, id, &interrupt);
  session_.cancel(id);
  static_cast<void>(co_await pending.outcome(Clock::now() + limit));
}

awaitable<Result<std::string>> Gateway::command(std::string_view what, Params params, std::chrono::milliseconds limit,
                                                Interrupt& interrupt) {
  if (!session_.is_up()) co_return tl::make_unexpected(away());
  std::string named(what);
  co_return co_await zebu::command(session_, std::move(named), std::move(params), Clock::now() + limit, &interrupt);
}

awaitable<Result<std::string>> Gateway::query(std::string_view what, Params params, Interrupt& interrupt) {
  if (!session_.is_up()) co_return tl::make_unexpected(away());
  std::string named(what);
  co_return co_await zebu::query(session_, std::move(named), std::move(params), Clock::now() + kQueryLimit, &interrupt);
}

awaitable<Result<std::string>> Gateway::query_jobs(const std::vector<JobId>& ids, Interrupt& interrupt,
                                                   std::chrono::milliseconds limit) {
  if (!session_.is_up()) co_return tl::make_unexpected(away());
  std::string named("jobs");
  Params wanted{.ids = ids};
  co_return co_await zebu::query(session_, std::move(named), std::move(wanted), Clock::now() + limit, &interrupt);
}

}  // namespace zebu::webfront
