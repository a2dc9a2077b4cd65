#pragma once

#include "consumer/slots/running_mark.h"
#include "consumer/slots/slot.h"
#include "zebu/thread_annotations.h"

#include <condition_variable>
#include <deque>
#include <functional>
#include <optional>
#include <stop_token>
#include <thread>
#include <vector>

namespace zebu::consumer {

// A thread that runs jobs one after the other. Outcomes gather until somebody collects them, so that short jobs cost no
// wake-up each. What a running task tells gathers too: the first word leaves at once, the next ones when whoever
// collects them wants more, so that a task may talk as much as it likes. All its functions may be called from any
// thread.
class Worker {
 public:
  // In this order: what an attempt told comes before its end.
  struct Gathered {
    std::vector<Told> told;
    std::vector<Finished> finished;
  };

  struct Handlers {
    // There is something to collect. Not called again before collect(); by the worker's thread, or in want_more() and
    // stop().
    std::function<void()> announce;
    // Called by the worker's thread when it has no job, in place of sleeping until give() is called: returns when
    // there may be jobs. May call give(). A worker that has it ends with its process only.
    std::function<void()> wait_for_jobs = {};
  };

  // mark (may be null) says at all times what runs.
  Worker(RunningMark* mark, Handlers handlers);
  // Fires the running task's token and waits for its end.
  ~Worker();

  void give(std::vector<Job> jobs);
  [[nodiscard]] Gathered collect();
  // After something told was collected: whatever comes next is wanted.
  void want_more();
  // The jobs that have not started; they will not.
  [[nodiscard]] std::vector<Job> take_back();
  // A job that has not started ends as cancelled; of a running one the token fires.
  void stop(const AttemptId& id);
  // Of a running job the token fires.
  void reach_soft_limit(const AttemptId& id);
  [[nodiscard]] std::optional<Running> running() const;
  // All that it has: waiting, running, and ended but not collected.
  void list(std::vector<AttemptId>& into) const;

 private:
  void run();
  void announce_soon() ZEBU_REQUIRES(mutex_);
  [[nodiscard]] bool is_worth_telling(const Task* next, TimePoint now) const ZEBU_REQUIRES(mutex_);
  void run_next() ZEBU_REQUIRES(mutex_);
  [[nodiscard]] Outcome run_job(const Job& job, TimePoint start, std::stop_token stop);
  void fire(StopReason reason) ZEBU_REQUIRES(mutex_);
  void hear(const Progress& progress);
  void gather_told() ZEBU_REQUIRES(mutex_);

  RunningMark* mark_;
  const Handlers handlers_;
  const std::function<void(const Progress&)> tell_;
  mutable Mutex mutex_;
  std::condition_variable wake_;
  std::deque<Job> inbox_ ZEBU_GUARDED_BY(mutex_);
  Gathered gathered_ ZEBU_GUARDED_BY(mutex_);
  std::optional<Running> current_ ZEBU_GUARDED_BY(mutex_);
  std::stop_source current_stop_ ZEBU_GUARDED_BY(mutex_){std::nostopstate};
  std::atomic<StopReason> stop_reason_{StopReason::none};
  Progress told_ ZEBU_GUARDED_BY(mutex_);  // by the current job, and not gathered yet
  bool has_told_ ZEBU_GUARDED_BY(mutex_) = false;
  bool is_more_wanted_ ZEBU_GUARDED_BY(mutex_) = true;
  const Task* last_task_ ZEBU_GUARDED_BY(mutex_) = nullptr;
  std::chrono::microseconds last_run_ ZEBU_GUARDED_BY(mutex_){0};
  TimePoint oldest_outcome_ ZEBU_GUARDED_BY(mutex_){};
  bool is_idle_ ZEBU_GUARDED_BY(mutex_) = false;
  bool is_announced_ ZEBU_GUARDED_BY(mutex_) = false;
  bool is_closing_ ZEBU_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace zebu::consumer
