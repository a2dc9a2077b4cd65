#pragma once

#include "running_mark.h"
#include "slot.h"

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <vector>

namespace zebu::consumer {

// A thread that runs jobs one after the other. Outcomes gather until somebody collects them, so that short jobs cost no
// wake-up each. All its functions may be called from any thread.
class Worker {
 public:
  // announce: called by the worker's thread when there are outcomes to collect, and not again before collect().
  // mark (may be null) says at all times what runs.
  Worker(RunningMark* mark, std::function<void()> announce);
  // Fires the running task's token and waits for its end.
  ~Worker();

  void give(std::vector<Job> jobs);
  [[nodiscard]] std::vector<Finished> collect();
  // The jobs that have not started; they will not.
  [[nodiscard]] std::vector<Job> take_back();
  // A job that has not started ends as cancelled; of a running one the token fires.
  void stop(const AttemptId& id);
  // All that it has: waiting, running, and ended but not collected.
  void list(std::vector<AttemptId>& into) const;

 private:
  void run();
  void announce_soon(std::unique_lock<std::mutex>& lock);
  [[nodiscard]] bool is_worth_telling(const Task* next, TimePoint now) const;
  void run_next(std::unique_lock<std::mutex>& lock);

  RunningMark* mark_;
  std::function<void()> announce_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Job> inbox_;
  std::vector<Finished> outbox_;
  std::optional<AttemptId> current_;
  std::stop_source current_stop_{std::nostopstate};
  const Task* last_task_ = nullptr;
  std::chrono::microseconds last_run_{0};
  TimePoint oldest_outcome_{};
  bool is_idle_ = false;
  bool is_announced_ = false;
  bool is_closing_ = false;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace zebu::consumer
