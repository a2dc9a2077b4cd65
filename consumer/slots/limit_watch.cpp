#include "consumer/slots/limit_watch.h"

#include <algorithm>

namespace zebu::consumer {
namespace {

// The first that may come of a job that starts, or has started, at `start`.
TimePoint first_of(const TimeLimits& limits, TimePoint start) {
  TimePoint first = TimePoint::max();
  if (limits.soft) first = std::min(first, start + *limits.soft);
  if (limits.hard) first = std::min(first, start + *limits.hard);
  return first;
}

}  // namespace

LimitWatch::LimitWatch(boost::asio::io_context& loop, Handlers handlers)
    : handlers_(std::move(handlers)), timer_(loop) {}

void LimitWatch::add(const AttemptId& id, const TimeLimits& limits) {
  if (!limits.soft && !limits.hard) return;
  entries_.push_back({id, limits});
  check_at(first_of(limits, Clock::now()));
}

void LimitWatch::remove(const AttemptId& id) {
  if (entries_.empty()) return;
  const auto found = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) { return entry.id == id; });
  if (found != entries_.end()) entries_.erase(found);
}

void LimitWatch::check_at(TimePoint time) {
  if (time >= check_at_) return;
  check_at_ = time;
  timer_.expires_at(time);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    check_at_ = TimePoint::max();
    check();
  });
}

void LimitWatch::check() {
  if (entries_.empty()) return;
  // In this order: what does not run now can only start after `now`.
  const TimePoint now = Clock::now();
  const std::optional<Running> running = handlers_.running();
  std::optional<Reached> reached;
  TimePoint next = TimePoint::max();
  for (Entry& entry : entries_) {
    const bool runs = running && running->id == entry.id;
    if (runs) reached = take_reached(entry, running->since, now);
    next = std::min(next, first_of(entry.left, runs ? running->since : now));
  }
  if (next != TimePoint::max()) check_at(next);
  if (reached) handlers_.reached(*reached);
}

std::optional<LimitWatch::Reached> LimitWatch::take_reached(Entry& entry, TimePoint since, TimePoint now) {
  if (entry.left.hard && since + *entry.left.hard <= now) {
    return Reached{entry.id, Limit::hard, *std::exchange(entry.left, {}).hard};
  }
  if (entry.left.soft && since + *entry.left.soft <= now) {
    return Reached{entry.id, Limit::soft, *std::exchange(entry.left.soft, {})};
  }
  return std::nullopt;
}

}  // namespace zebu::consumer
