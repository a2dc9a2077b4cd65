#pragma once

#include <zebu/job.h>

#include <chrono>
#include <stop_token>
#include <string_view>

namespace zebu {

// What a running task may know of its job. Valid for the call of the task; the thread that runs it uses it.
class Context {
 public:
  // task and queue are views that outlive the context.
  Context(const AttemptId& id, std::string_view task, std::string_view queue, std::stop_token stop);

  [[nodiscard]] const JobId& job() const { return id_.job; }
  [[nodiscard]] std::uint32_t attempt() const { return id_.attempt; }
  [[nodiscard]] std::string_view task() const { return task_; }
  [[nodiscard]] std::string_view queue() const { return queue_; }

  // Somebody wants the job to end: return or throw Cancelled soon, or the slot's process is killed.
  [[nodiscard]] bool cancelled() const { return stop_.stop_requested(); }
  void throw_if_cancelled() const;
  // For what understands a std::stop_token itself.
  [[nodiscard]] const std::stop_token& stop_token() const { return stop_; }
  // Sleeps; true when the whole time has passed, false as soon as the job is cancelled.
  [[nodiscard]] bool wait_for(std::chrono::milliseconds time) const;

 private:
  AttemptId id_;
  std::string_view task_;
  std::string_view queue_;
  std::stop_token stop_;
};

}  // namespace zebu
