#include "consumer/dispatcher.h"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <iterator>

namespace zebu::consumer {
namespace {

// More jobs than this in one consumer are of no use, and a session's credit is limited.
constexpr std::size_t kMaxWanted = 32'768;
// If no job ends for this long, the waiting jobs are behind long ones.
constexpr std::chrono::milliseconds kStall{50};
// The same while another slot is free. Doubles after each recall until a job ends: on a machine so busy that a slot
// does not begin a job within this time, jobs would otherwise only move back and forth.
constexpr std::chrono::milliseconds kImbalance{2};

}  // namespace

Dispatcher::Dispatcher(boost::asio::io_context& loop, std::size_t slots, const MakeSlot& make_slot, Events events)
    : loop_(loop),
      events_(std::move(events)),
      last_end_(Clock::now()),
      stall_timer_(loop),
      imbalance_timer_(loop),
      imbalance_delay_(kImbalance) {
  slot_events_.finished = [this](Slot& slot, std::vector<Finished> f) { slot_finished(slot, std::move(f)); };
  slot_events_.returned = [this](Slot&, std::vector<Job> jobs) { slot_returned(std::move(jobs)); };
  slot_events_.progress = [this](ProgressUpdate update) { events_.progress(std::move(update)); };
  slot_events_.ready = [this] { dispatch_soon(); };
  slot_events_.died = events_.slot_died;
  for (std::size_t i = 0; i < slots; ++i) places_.push_back({make_slot(slot_events_), last_end_});
}

void Dispatcher::add(Job job) {
  ++held_;
  ready_.push_back(std::move(job));
  if (is_draining_) give_back_ready();
}

void Dispatcher::dispatch() {
  const std::size_t batch = pace_.batch();
  for (Place& place : places_) {
    if (place.is_free()) feed(place, batch);
  }
  for (Place& place : places_) feed(place, batch);
  if (!is_stall_watched_ && is_waiting()) watch_stall();
  if (!is_imbalance_watched_ && is_imbalanced()) watch_imbalance();
}

void Dispatcher::dispatch_soon() {
  if (std::exchange(is_dispatch_posted_, true)) return;
  boost::asio::post(loop_, [this] {
    is_dispatch_posted_ = false;
    dispatch();
    events_.ready();
  });
}

// A slot is refilled when half of its batch is done, so that it never waits for the loop.
void Dispatcher::feed(Place& place, std::size_t batch) {
  if (ready_.empty()) return;
  const std::size_t load = place.slot->load();
  const std::size_t room = place.slot->room();
  if (room == 0 || load > batch / 2 || load >= batch) return;
  const std::size_t fair_share = std::max<std::size_t>(1, ready_.size() / places_.size());
  const auto count = static_cast<std::ptrdiff_t>(std::min({room, batch - load, fair_share, ready_.size()}));
  place.slot->give({std::move_iterator(ready_.begin()), std::move_iterator(ready_.begin() + count)});
  ready_.erase(ready_.begin(), ready_.begin() + count);
}

void Dispatcher::stop(const std::vector<AttemptId>& ids) {
  std::vector<AttemptId> wanted = ids;
  std::sort(wanted.begin(), wanted.end());
  std::vector<Finished> cancelled;
  const auto is_stopped = [&](const Job& job) {
    if (!std::binary_search(wanted.begin(), wanted.end(), job.id)) return false;
    cancelled.push_back({job.id, Outcome::cancelled(), job.task});
    return true;
  };
  ready_.erase(std::remove_if(ready_.begin(), ready_.end(), is_stopped), ready_.end());
  held_ -= cancelled.size();
  for (const AttemptId& id : ids) {
    for (Place& place : places_) place.slot->stop(id);
  }
  if (!cancelled.empty()) events_.finished(std::move(cancelled));
}

void Dispatcher::abandon() {
  held_ -= ready_.size();
  ready_.clear();
  for (Place& place : places_) place.slot->abandon();
  held_ = 0;
}

bool Dispatcher::runs_abandoned() const {
  return std::any_of(places_.begin(), places_.end(), [](const Place& place) { return place.slot->runs_abandoned(); });
}

void Dispatcher::drain() {
  is_draining_ = true;
  give_back_ready();
  for (Place& place : places_) {
    if (place.has_waiting()) place.slot->recall();
  }
}

std::size_t Dispatcher::wanted() const {
  if (is_draining_) return 0;
  return std::min(kMaxWanted, alive_slots() * (1 + pace_.prefetch()));
}

std::size_t Dispatcher::min_credit() const {
  const std::size_t alive = alive_slots();
  return std::clamp<std::size_t>(alive * pace_.prefetch() / 2, 1, std::max<std::size_t>(alive, 1));
}

std::size_t Dispatcher::alive_slots() const {
  const auto is_alive = [](const Place& place) { return place.slot->is_alive(); };
  return static_cast<std::size_t>(std::count_if(places_.begin(), places_.end(), is_alive));
}

Dispatcher::Slots Dispatcher::slots() const {
  Slots slots;
  for (const Place& place : places_) {
    ++(!place.slot->is_alive() ? slots.down : place.slot->load() > 0 ? slots.busy : slots.free);
  }
  return slots;
}

bool Dispatcher::is_idle() const {
  return held_ == 0 &&
         std::all_of(places_.begin(), places_.end(), [](const Place& place) { return place.slot->is_alive(); });
}

void Dispatcher::list(std::vector<AttemptId>& into) const {
  for (const Job& job : ready_) into.push_back(job.id);
  for (const Place& place : places_) place.slot->list(into);
}

void Dispatcher::slot_finished(Slot& slot, std::vector<Finished> finished) {
  held_ -= finished.size();
  is_stalled_ = false;
  imbalance_delay_ = kImbalance;
  last_end_ = Clock::now();
  const auto is_slot = [&](const Place& place) { return place.slot.get() == &slot; };
  std::find_if(places_.begin(), places_.end(), is_slot)->last_end = last_end_;
  for (const Finished& f : finished) {
    if (f.outcome.state != JobState::cancelled) pace_.add(f.outcome.ran);
  }
  events_.finished(std::move(finished));
  dispatch();
}

// Boost 1.74's deque moves its first element onto itself when an empty range is inserted before it: a string in it is
// empty then.
void Dispatcher::slot_returned(std::vector<Job> jobs) {
  if (!jobs.empty()) ready_.insert(ready_.begin(), std::move_iterator(jobs.begin()), std::move_iterator(jobs.end()));
  if (is_draining_ || is_stalled_) {
    give_back_ready();
  } else {
    dispatch_soon();
  }
}

void Dispatcher::give_back_ready() {
  if (ready_.empty()) return;
  std::vector<AttemptId> ids;
  ids.reserve(ready_.size());
  for (const Job& job : ready_) ids.push_back(job.id);
  ready_.clear();
  held_ -= ids.size();
  events_.given_back(std::move(ids));
}

bool Dispatcher::is_waiting() const {
  return !ready_.empty() ||
         std::any_of(places_.begin(), places_.end(), [](const Place& place) { return place.has_waiting(); });
}

// The timer is set only while jobs wait behind others.
void Dispatcher::watch_stall() {
  is_stall_watched_ = true;
  stall_timer_.expires_after(kStall);
  stall_timer_.async_wait([this, since = Clock::now()](const boost::system::error_code& error) {
    is_stall_watched_ = false;
    if (error) return;
    check_stall(since);
    if (is_waiting()) watch_stall();
  });
}

void Dispatcher::check_stall(TimePoint since) {
  if (last_end_ < since) {
    is_stalled_ = true;
    pace_.reset();
    give_back_ready();
  }
  recall_behind(since);
}

// Recalls the waiting jobs of slots where no job has ended since then.
void Dispatcher::recall_behind(TimePoint since) {
  for (Place& place : places_) {
    if (place.has_waiting() && place.last_end < since) place.slot->recall();
  }
}

// A slot is free while jobs wait in another one.
bool Dispatcher::is_imbalanced() const {
  const auto any = [this](bool (Place::*holds)() const) {
    return std::any_of(places_.begin(), places_.end(), [&](const Place& place) { return (place.*holds)(); });
  };
  return ready_.empty() && any(&Place::is_free) && any(&Place::has_waiting);
}

void Dispatcher::watch_imbalance() {
  is_imbalance_watched_ = true;
  imbalance_timer_.expires_after(imbalance_delay_);
  imbalance_timer_.async_wait([this, since = Clock::now()](const boost::system::error_code& error) {
    is_imbalance_watched_ = false;
    if (error || !is_imbalanced()) return;
    recall_behind(since);
    imbalance_delay_ = std::min(2 * imbalance_delay_, kStall);
    watch_imbalance();
  });
}

}  // namespace zebu::consumer
