#include "consumer/slots/thread_slot.h"

#include "consumer/slots/run_task.h"
#include "consumer/slots/units.h"
#include "zebu/program/log.h"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <limits>

namespace zebu::consumer {

ThreadSlot::ThreadSlot(boost::asio::io_context& loop, const SlotEvents& events)
    : loop_(loop),
      events_(events),
      limits_(loop,
              {[this] { return worker_.running(); }, [this](const LimitWatch::Reached& reached) { reach(reached); }}),
      progress_timer_(loop),
      worker_(nullptr, {[this] { collect_soon(); }}) {}

std::size_t ThreadSlot::room() const { return !late_.empty() ? 0 : std::numeric_limits<std::size_t>::max(); }

void ThreadSlot::give(std::vector<Job> jobs) {
  load_ += jobs.size();
  for (const Job& job : jobs) limits_.add(job.id, job.limits);
  worker_.give(std::move(jobs));
}

void ThreadSlot::recall() {
  std::vector<Job> jobs = worker_.take_back();
  load_ -= jobs.size();
  for (const Job& job : jobs) limits_.remove(job.id);
  collect_soon();
  events_.returned(*this, std::move(jobs));
}

void ThreadSlot::stop(const AttemptId& id) { worker_.stop(id); }

void ThreadSlot::list(std::vector<AttemptId>& into) const {
  worker_.list(into);
  std::erase_if(into, [this](const AttemptId& id) { return is_late(id); });
}

// Each job that the worker still has after this is late. It may have begun another one meanwhile.
void ThreadSlot::abandon() {
  collect();
  for (const Job& job : worker_.take_back()) limits_.remove(job.id);
  is_abandoned_ = load_ > 0;
  load_ = 0;
  worker_.list(late_);
  std::sort(late_.begin(), late_.end());
  late_.erase(std::unique(late_.begin(), late_.end()), late_.end());
  for (const AttemptId& id : late_) {
    limits_.remove(id);
    worker_.stop(id);
  }
}

void ThreadSlot::collect_soon() {
  boost::asio::post(loop_, [this] { collect(); });
}

void ThreadSlot::collect() {
  Worker::Reports reports = worker_.collect();
  forward_progress(std::move(reports.progress));
  const bool is_free_again = drop_late(reports.finished);
  load_ -= reports.finished.size();
  for (const Finished& finished : reports.finished) limits_.remove(finished.id);
  if (!reports.finished.empty()) events_.finished(*this, std::move(reports.finished));
  if (is_free_again) events_.ready();
}

// Requests the next update after kProgressInterval, and only while the task reports progress.
void ThreadSlot::forward_progress(std::vector<ProgressUpdate> updates) {
  if (updates.empty()) return;
  for (ProgressUpdate& update : updates) {
    if (!is_late(update.id)) events_.progress(std::move(update));
  }
  if (std::exchange(is_progress_paused_, true)) return;
  progress_timer_.expires_after(kProgressInterval);
  progress_timer_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    is_progress_paused_ = false;
    worker_.request_progress();
  });
}

// ── limits ──────────────────────────────────────────────────────────────────────────────────────────────────────────

void ThreadSlot::reach(const LimitWatch::Reached& reached) {
  if (reached.limit == LimitWatch::Limit::soft) return worker_.reach_soft_limit(reached.id);
  const auto running = worker_.running();
  if (!running || running->id != reached.id) return;  // it has ended in time
  const std::string id = reached.id.job.to_string();
  log_event(
      Event::slot_blocked, {{"job", id}, {"attempt", reached.id.attempt}},
      "job {} has passed its hard limit of {}. Its thread cannot be killed: the slot is unusable until it returns", id,
      readable(reached.time));
  late_ = {reached.id};
  worker_.stop(reached.id);
  limits_.remove(reached.id);
  --load_;
  recall();
  Outcome outcome = past_hard_limit(reached.time, {});
  outcome.ran = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - running->since);
  events_.finished(*this, {{reached.id, std::move(outcome)}});
}

bool ThreadSlot::is_late(const AttemptId& id) const { return std::find(late_.begin(), late_.end(), id) != late_.end(); }

bool ThreadSlot::drop_late(std::vector<Finished>& finished) {
  if (late_.empty()) return false;
  std::erase_if(finished, [this](const Finished& each) {
    if (!is_late(each.id)) return false;
    const std::string id = each.id.job.to_string();
    log_event(Event::slot_returned, {{"job", id}, {"attempt", each.id.attempt}},
              "job {} has returned after {}: its slot takes jobs again", id,
              is_abandoned_ ? "it was given up" : "its hard limit");
    std::erase(late_, each.id);
    return true;
  });
  if (!late_.empty()) return false;
  is_abandoned_ = false;
  return true;
}

}  // namespace zebu::consumer
