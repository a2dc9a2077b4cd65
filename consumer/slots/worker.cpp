#include "consumer/slots/worker.h"

#include "consumer/slots/run_task.h"
#include "consumer/slots/time_slice.h"
#include "zebu/progress.h"

#include <algorithm>
#include <iterator>

namespace zebu::consumer {
namespace {

// An outcome waits at most about that long for others to leave with it.
constexpr std::chrono::microseconds kGather{100};
// A task whose last run took less than this is thought to be as short the next time.
constexpr std::chrono::microseconds kShort{50};

}  // namespace

Worker::Worker(RunningMark* mark, Handlers handlers)
    : mark_(mark),
      handlers_(std::move(handlers)),
      tell_([this](const Progress& progress) { hear(progress); }),
      thread_([this] { run(); }) {}

Worker::~Worker() {
  {
    const Lock lock(mutex_);
    is_closing_ = true;
    inbox_.clear();
    fire(StopReason::cancelled);
  }
  wake_.notify_one();
  thread_.join();
}

void Worker::give(std::vector<Job> jobs) {
  bool is_asleep = false;
  {
    const Lock lock(mutex_);
    std::move(jobs.begin(), jobs.end(), std::back_inserter(inbox_));
    is_asleep = is_idle_;
  }
  if (is_asleep) wake_.notify_one();
}

Worker::Gathered Worker::collect() {
  const Lock lock(mutex_);
  is_announced_ = false;
  if (has_told_ && std::exchange(is_more_wanted_, false)) gather_told();
  return std::exchange(gathered_, {});
}

void Worker::want_more() {
  Lock lock(mutex_);
  is_more_wanted_ = true;
  if (has_told_) announce_soon();
}

std::vector<Job> Worker::take_back() {
  const Lock lock(mutex_);
  std::vector<Job> jobs(std::move_iterator(inbox_.begin()), std::move_iterator(inbox_.end()));
  inbox_.clear();
  return jobs;
}

void Worker::stop(const AttemptId& id) {
  Lock lock(mutex_);
  if (current_ && current_->id == id) return fire(StopReason::cancelled);
  const auto found = std::find_if(inbox_.begin(), inbox_.end(), [&](const Job& job) { return job.id == id; });
  if (found == inbox_.end()) return;
  inbox_.erase(found);
  if (gathered_.finished.empty()) oldest_outcome_ = Clock::now();
  gathered_.finished.push_back({id, Outcome{}});
  announce_soon();
}

void Worker::reach_soft_limit(const AttemptId& id) {
  Lock lock(mutex_);
  if (current_ && current_->id == id && stop_reason_ == StopReason::none) fire(StopReason::soft_limit);
}

std::optional<Running> Worker::running() const {
  const Lock lock(mutex_);
  return current_;
}

void Worker::list(std::vector<AttemptId>& into) const {
  const Lock lock(mutex_);
  for (const Finished& finished : gathered_.finished) into.push_back(finished.id);
  if (current_) into.push_back(current_->id);
  for (const Job& job : inbox_) into.push_back(job.id);
}

void Worker::run() {
  run_in_long_slices();
  Lock lock(mutex_);
  while (!is_closing_) {
    if (!inbox_.empty()) {
      run_next();
    } else if (!gathered_.finished.empty() && !is_announced_) {
      announce_soon();
    } else if (handlers_.wait_for_jobs) {
      lock.unlock();
      handlers_.wait_for_jobs();
      lock.lock();
    } else {
      is_idle_ = true;
      wake_.wait(lock.native(), [this]() ZEBU_REQUIRES(mutex_) { return is_closing_ || !inbox_.empty(); });
      is_idle_ = false;
    }
  }
}

// Called without the lock: who is told may collect at once.
void Worker::announce_soon() {
  if (std::exchange(is_announced_, true)) return;
  mutex_.unlock();
  handlers_.announce();
  mutex_.lock();
}

bool Worker::is_worth_telling(const Task* next, TimePoint now) const {
  if (gathered_.finished.empty() || is_announced_) return false;
  const bool is_next_short = next == last_task_ && last_run_ < kShort;
  return !is_next_short || now - oldest_outcome_ > kGather;
}

void Worker::run_next() {
  const TimePoint start = Clock::now();
  if (is_worth_telling(inbox_.front().task, start)) {
    announce_soon();
    return;
  }
  const Job job = std::move(inbox_.front());
  inbox_.pop_front();
  current_ = {job.id, start};
  stop_reason_ = StopReason::none;
  if (job.task->sees_cancel) current_stop_ = std::stop_source();
  std::stop_token stop = current_stop_.get_token();
  if (mark_ != nullptr) mark_->begin(job.id, start);
  mutex_.unlock();

  Outcome outcome = run_job(job, start, std::move(stop));
  const TimePoint end = Clock::now();
  outcome.ran = std::chrono::duration_cast<std::chrono::microseconds>(end - start);

  mutex_.lock();
  if (mark_ != nullptr) mark_->end();
  if (job.task->sees_cancel) current_stop_ = std::stop_source(std::nostopstate);
  if (has_told_) gather_told();
  current_.reset();
  last_task_ = job.task;
  last_run_ = outcome.ran;
  if (gathered_.finished.empty()) oldest_outcome_ = end;
  gathered_.finished.push_back({job.id, std::move(outcome)});
}

Outcome Worker::run_job(const Job& job, TimePoint start, std::stop_token stop) {
  Context::Parts parts{job.id, job.task->name, job.queue, std::move(stop)};
  parts.stop_reason = &stop_reason_;
  parts.started = start;
  parts.soft_limit = job.limits.soft;
  parts.hard_limit = job.limits.hard;
  parts.headers = &job.headers;
  parts.tell = &tell_;
  Context context(std::move(parts));
  return run_task(*job.task, context, job.args);
}

// Fires without the lock: a token may have callbacks, which run here.
void Worker::fire(StopReason reason) {
  stop_reason_ = reason;
  std::stop_source stop = current_stop_;
  mutex_.unlock();
  stop.request_stop();
  mutex_.lock();
}

// ── what a running task tells ───────────────────────────────────────────────────────────────────────────────────────

void Worker::hear(const Progress& progress) {
  Lock lock(mutex_);
  if (!current_) return;  // a thread that a task left behind
  append(told_, progress);
  has_told_ = !is_empty(told_);
  if (has_told_ && is_more_wanted_) announce_soon();
}

void Worker::gather_told() {
  gathered_.told.push_back({current_->id, std::exchange(told_, {})});
  has_told_ = false;
}

}  // namespace zebu::consumer
