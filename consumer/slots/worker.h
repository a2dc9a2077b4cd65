#pragma once

#include "consumer/slots/running_mark.h"
#include "consumer/slots/slot.h"
#include "zebu/thread_annotations.h"

#include <condition_variable>
#include <functional>
#include <optional>
#include <stop_token>
#include <thread>
#include <vector>

namespace zebu::consumer {

// A thread that runs jobs one after the other. Outcomes are buffered until collect(), so that short jobs do not cost
// one wake-up each. Progress is buffered too: the first update is announced at once, the next ones only after
// request_progress(), so that a task may report as often as it likes. All functions are thread-safe.
class Worker {
 public:
  // Handle them in this order: the progress of an attempt comes before its end.
  struct Reports {
    std::vector<ProgressUpdate> progress;
    std::vector<Finished> finished;
  };

  struct Handlers {
    // There is something to collect. Not called again before collect(). Called by the worker's thread, or inside
    // request_progress() and stop().
    std::function<void()> announce;
    // Called by the worker's thread when it has no job, instead of sleeping until give(). Returns when there may be
    // jobs. May call give(). A worker with this handler cannot be destroyed: it ends with its process.
    std::function<void()> wait_for_jobs = {};
    // Called by the worker's thread, once, before its first job.
    std::function<void()> start = {};
    // Called by the worker's thread when a task has ended, before its outcome can be collected. False: no more tasks
    // may run here. Then replace() is called, which collects, and does not return.
    std::function<bool(const Task&, TimePoint start, TimePoint end)> after_run = {};
    std::function<void()> replace = {};
  };

  // The worker keeps `mark` up to date with the running attempt; null: no mark.
  Worker(RunningMark* mark, Handlers handlers);
  // Fires the running task's token and waits for its end.
  ~Worker();

  void give(std::vector<Job> jobs);
  [[nodiscard]] Reports collect();
  // The same, for reports that do not outlive this process: no further job begins before sent(), because it might end
  // the process, and what had ended before would run again.
  [[nodiscard]] Reports collect_to_send();
  void sent();
  // Announce the next progress update, now or as soon as there is one.
  void request_progress();
  // Removes and returns the jobs that have not started.
  [[nodiscard]] std::vector<Job> take_back();
  // A job that has not started ends as cancelled. The token of a running one fires.
  void stop(const AttemptId& id);
  // Fires the token of the attempt if it is running.
  void reach_soft_limit(const AttemptId& id);
  [[nodiscard]] std::optional<Running> running() const;
  // All attempts of this worker: waiting, running, and ended but not collected.
  void list(std::vector<AttemptId>& into) const;

 private:
  void run();
  [[nodiscard]] Reports collected() ZEBU_REQUIRES(mutex_);
  void announce_soon() ZEBU_REQUIRES(mutex_);
  [[nodiscard]] bool should_announce(const Task* next, TimePoint now) const ZEBU_REQUIRES(mutex_);
  void run_next() ZEBU_REQUIRES(mutex_);
  [[nodiscard]] Outcome run_job(const Job& job, TimePoint start, std::stop_token stop);
  void fire(StopReason reason) ZEBU_REQUIRES(mutex_);
  void add_progress(const Progress& progress);
  void collect_progress(bool has_ended) ZEBU_REQUIRES(mutex_);

  RunningMark* mark_;
  const Handlers handlers_;
  const std::function<void(const Progress&)> on_progress_;
  mutable Mutex mutex_;
  std::condition_variable wake_;
  JobLine inbox_ ZEBU_GUARDED_BY(mutex_);
  Reports reports_ ZEBU_GUARDED_BY(mutex_);
  std::optional<Running> current_ ZEBU_GUARDED_BY(mutex_);
  std::stop_source current_stop_ ZEBU_GUARDED_BY(mutex_){std::nostopstate};
  std::atomic<StopReason> stop_reason_{StopReason::none};
  Progress progress_ ZEBU_GUARDED_BY(mutex_);  // of the current job, not yet in reports_
  bool has_progress_ ZEBU_GUARDED_BY(mutex_) = false;
  bool is_progress_requested_ ZEBU_GUARDED_BY(mutex_) = true;
  const Task* last_task_ ZEBU_GUARDED_BY(mutex_) = nullptr;
  std::chrono::microseconds last_run_ ZEBU_GUARDED_BY(mutex_){0};
  TimePoint oldest_outcome_ ZEBU_GUARDED_BY(mutex_){};
  bool is_idle_ ZEBU_GUARDED_BY(mutex_) = false;
  bool is_announced_ ZEBU_GUARDED_BY(mutex_) = false;
  bool is_sending_ ZEBU_GUARDED_BY(mutex_) = false;
  bool is_closing_ ZEBU_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace zebu::consumer
