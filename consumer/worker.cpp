#include "worker.h"

#include "run_task.h"
#include "time_slice.h"

#include <algorithm>
#include <iterator>

namespace zebu::consumer {
namespace {

// An outcome waits at most about that long for others to leave with it.
constexpr std::chrono::microseconds kGather{100};
// A task whose last run took less than this is thought to be as short the next time.
constexpr std::chrono::microseconds kShort{50};

}  // namespace

Worker::Worker(RunningMark* mark, std::function<void()> announce)
    : mark_(mark), announce_(std::move(announce)), thread_([this] { run(); }) {}

Worker::~Worker() {
  {
    const std::lock_guard lock(mutex_);
    is_closing_ = true;
    inbox_.clear();
    current_stop_.request_stop();
  }
  wake_.notify_one();
  thread_.join();
}

void Worker::give(std::vector<Job> jobs) {
  bool is_asleep = false;
  {
    const std::lock_guard lock(mutex_);
    std::move(jobs.begin(), jobs.end(), std::back_inserter(inbox_));
    is_asleep = is_idle_;
  }
  if (is_asleep) wake_.notify_one();
}

std::vector<Finished> Worker::collect() {
  const std::lock_guard lock(mutex_);
  is_announced_ = false;
  return std::exchange(outbox_, {});
}

std::vector<Job> Worker::take_back() {
  const std::lock_guard lock(mutex_);
  std::vector<Job> jobs(std::move_iterator(inbox_.begin()), std::move_iterator(inbox_.end()));
  inbox_.clear();
  return jobs;
}

void Worker::stop(const AttemptId& id) {
  std::unique_lock lock(mutex_);
  if (current_ == id) {
    current_stop_.request_stop();
    return;
  }
  const auto found = std::find_if(inbox_.begin(), inbox_.end(), [&](const Job& job) { return job.id == id; });
  if (found == inbox_.end()) return;
  inbox_.erase(found);
  if (outbox_.empty()) oldest_outcome_ = Clock::now();
  outbox_.push_back({id, Outcome{}});
  announce_soon(lock);
}

void Worker::list(std::vector<AttemptId>& into) const {
  const std::lock_guard lock(mutex_);
  for (const Finished& finished : outbox_) into.push_back(finished.id);
  if (current_) into.push_back(*current_);
  for (const Job& job : inbox_) into.push_back(job.id);
}

void Worker::run() {
  run_in_long_slices();
  std::unique_lock lock(mutex_);
  while (!is_closing_) {
    if (!inbox_.empty()) {
      run_next(lock);
    } else if (!outbox_.empty() && !is_announced_) {
      announce_soon(lock);
    } else {
      is_idle_ = true;
      wake_.wait(lock, [this] { return is_closing_ || !inbox_.empty(); });
      is_idle_ = false;
    }
  }
}

// Called without the lock: who is told may collect at once.
void Worker::announce_soon(std::unique_lock<std::mutex>& lock) {
  if (std::exchange(is_announced_, true)) return;
  lock.unlock();
  announce_();
  lock.lock();
}

bool Worker::is_worth_telling(const Task* next, TimePoint now) const {
  if (outbox_.empty() || is_announced_) return false;
  const bool is_next_short = next == last_task_ && last_run_ < kShort;
  return !is_next_short || now - oldest_outcome_ > kGather;
}

void Worker::run_next(std::unique_lock<std::mutex>& lock) {
  const TimePoint start = Clock::now();
  if (is_worth_telling(inbox_.front().task, start)) {
    announce_soon(lock);
    return;
  }
  const Job job = std::move(inbox_.front());
  inbox_.pop_front();
  current_ = job.id;
  if (job.task->sees_cancel) current_stop_ = std::stop_source();
  Context context(job.id, job.task->name, job.queue, current_stop_.get_token());
  if (mark_ != nullptr) mark_->begin(job.id, start);
  lock.unlock();

  Outcome outcome = run_task(*job.task, context, job.args);
  const TimePoint end = Clock::now();
  outcome.ran = std::chrono::duration_cast<std::chrono::microseconds>(end - start);

  lock.lock();
  if (mark_ != nullptr) mark_->end();
  if (job.task->sees_cancel) current_stop_ = std::stop_source(std::nostopstate);
  current_.reset();
  last_task_ = job.task;
  last_run_ = outcome.ran;
  if (outbox_.empty()) oldest_outcome_ = end;
  outbox_.push_back({job.id, std::move(outcome)});
}

}  // namespace zebu::consumer
