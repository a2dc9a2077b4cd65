#include "consumer/slots/worker.h"

#include "consumer/slots/forked_copy.h"
#include "consumer/slots/run_task.h"
#include "consumer/slots/time_slice.h"
#include "zebu/progress.h"
#include "zebu/utf8.h"

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <unistd.h>
#include <utility>

namespace zebu::consumer {
namespace {

// An outcome waits at most about this long for others to be collected with it.
constexpr std::chrono::microseconds kMaxOutcomeDelay{100};
// If the last run of a task took less than this, the next one is expected to be as short.
constexpr std::chrono::microseconds kShortRun{50};

}  // namespace

Worker::Worker(RunningMark* mark, Handlers handlers)
    : mark_(mark),
      handlers_(std::move(handlers)),
      on_progress_([this](const Progress& progress) { add_progress(progress); }),
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

Worker::Reports Worker::collect() {
  const Lock lock(mutex_);
  return collected();
}

Worker::Reports Worker::collect_to_send() {
  const Lock lock(mutex_);
  is_sending_ = !reports_.finished.empty();
  return collected();
}

void Worker::sent() {
  {
    const Lock lock(mutex_);
    if (!std::exchange(is_sending_, false)) return;
  }
  wake_.notify_one();
}

Worker::Reports Worker::collected() {
  is_announced_ = false;
  if (has_progress_ && std::exchange(is_progress_requested_, false)) collect_progress(false);
  return std::exchange(reports_, {});
}

void Worker::request_progress() {
  Lock lock(mutex_);
  is_progress_requested_ = true;
  if (has_progress_) announce_soon();
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
  const Task* const task = found->task;
  inbox_.erase(found);
  if (reports_.finished.empty()) oldest_outcome_ = Clock::now();
  reports_.finished.push_back({id, Outcome::cancelled(), task});
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
  for (const Finished& finished : reports_.finished) into.push_back(finished.id);
  if (current_) into.push_back(current_->id);
  for (const Job& job : inbox_) into.push_back(job.id);
}

void Worker::run() {
  remember_original_process();
  run_in_long_slices();
  if (handlers_.start) handlers_.start();
  Lock lock(mutex_);
  while (!is_closing_) {
    if (is_sending_) {
      wake_.wait(lock.native(), [this]() ZEBU_REQUIRES(mutex_) { return is_closing_ || !is_sending_; });
    } else if (!inbox_.empty()) {
      run_next();
    } else if (!reports_.finished.empty() && !is_announced_) {
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

// Releases the lock around the call: the handler may collect at once.
void Worker::announce_soon() {
  if (std::exchange(is_announced_, true)) return;
  mutex_.unlock();
  handlers_.announce();
  mutex_.lock();
}

bool Worker::should_announce(const Task* next, TimePoint now) const {
  if (reports_.finished.empty() || is_announced_) return false;
  const bool is_next_short = next == last_task_ && last_run_ < kShortRun;
  return !is_next_short || now - oldest_outcome_ > kMaxOutcomeDelay;
}

void Worker::run_next() {
  const TimePoint start = Clock::now();
  if (should_announce(inbox_.front().task, start)) {
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
  if (is_forked_copy()) ::_exit(EXIT_SUCCESS);  // the original reports the outcome
  const bool may_go_on = !handlers_.after_run || handlers_.after_run(*job.task, start, end);

  mutex_.lock();
  if (mark_ != nullptr) mark_->end();
  if (job.task->sees_cancel) current_stop_ = std::stop_source(std::nostopstate);
  if (!is_empty(progress_)) collect_progress(true);
  progress_ = {};
  current_.reset();
  last_task_ = job.task;
  last_run_ = outcome.ran;
  if (reports_.finished.empty()) oldest_outcome_ = end;
  reports_.finished.push_back({job.id, std::move(outcome), job.task});
  if (may_go_on) return;
  mutex_.unlock();
  handlers_.replace();
  mutex_.lock();
}

Outcome Worker::run_job(const Job& job, TimePoint start, std::stop_token stop) {
  Context::Parts parts{job.id, job.task->name, job.queue, std::move(stop)};
  parts.stop_reason = &stop_reason_;
  parts.started = start;
  parts.soft_limit = job.limits.soft;
  parts.hard_limit = job.limits.hard;
  parts.headers = &job.headers;
  parts.kwargs = job.kwargs;
  parts.failures = job.tries.failures;
  parts.crashes = job.tries.crashes;
  parts.losses = job.tries.losses;
  parts.retries = job.retries;
  parts.on_progress = &on_progress_;
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

// ── progress of the running task ────────────────────────────────────────────────────────────────────────────────────

void Worker::add_progress(const Progress& progress) {
  if (is_forked_copy()) return;  // it must not send, and a lock may be held for ever there
  Lock lock(mutex_);
  if (!current_) return;      // called by a thread that the task left running
  if (progress.offset > 0) {  // the task printed more at once than is kept
    progress_.offset += progress_.output.size() + progress.offset;
    progress_.output.clear();
  }
  append(progress_, progress.done, progress.note, progress.output);
  const std::string& output = progress_.output;
  has_progress_ = progress_.done || !progress_.note.empty() || output.size() > unfinished_utf8(output);
  if (has_progress_ && is_progress_requested_) announce_soon();
}

// A task may print a character in two parts. The first one waits for the other, unless the attempt has ended.
void Worker::collect_progress(bool has_ended) {
  Progress ready = std::exchange(progress_, {});
  const std::size_t whole = ready.output.size() - (has_ended ? 0 : unfinished_utf8(ready.output));
  progress_.output = ready.output.substr(whole);
  ready.output.resize(whole);
  mend(ready);
  ++ready.number;
  // The next report goes on where this one ends.
  progress_.offset = ready.offset + ready.output.size();
  progress_.number = ready.number;
  reports_.progress.push_back({current_->id, std::move(ready)});
  has_progress_ = false;
}

}  // namespace zebu::consumer
