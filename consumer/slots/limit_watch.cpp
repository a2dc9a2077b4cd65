#include "consumer/slots/limit_watch.h"

#include <algorithm>

namespace zebu::consumer {
namespace {

// When the first limit of a job that starts, or has started, at `start` is reached.
std::optional<TimePoint> first_of(const TimeLimits& limits, TimePoint start) {
  if (!limits.soft && !limits.hard) return std::nullopt;
  if (!limits.soft) return start + *limits.hard;
  if (!limits.hard) return start + *limits.soft;
  return start + std::min(*limits.soft, *limits.hard);
}

}  // namespace

LimitWatch::LimitWatch(boost::asio::io_context& loop, Handlers handlers)
    : handlers_(std::move(handlers)), timer_(loop) {}

void LimitWatch::add(const AttemptId& id, const TimeLimits& limits) {
  const auto first = first_of(limits, Clock::now());
  if (!first) return;
  entries_.push_back({id, limits});
  check_at(*first);
}

void LimitWatch::remove(const AttemptId& id) {
  if (entries_.empty()) return;
  const auto found = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) { return entry.id == id; });
  if (found != entries_.end()) entries_.erase(found);
}

void LimitWatch::check_at(TimePoint time) {
  if (check_at_ && time >= *check_at_) return;
  check_at_ = time;
  timer_.expires_at(time);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    check_at_.reset();
    check();
  });
}

void LimitWatch::check() {
  if (entries_.empty()) return;
  // In this order: a job that does not run yet can only start after `now`.
  const TimePoint now = Clock::now();
  const std::optional<Running> running = handlers_.running();
  std::optional<Reached> reached;
  std::optional<TimePoint> next;
  for (Entry& entry : entries_) {
    const bool runs = running && running->id == entry.id;
    if (runs) reached = take_reached(entry, running->since, now);
    const auto first = first_of(entry.left, runs ? running->since : now);
    if (first && (!next || *first < *next)) next = first;
  }
  if (next) check_at(*next);
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
