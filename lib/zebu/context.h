#pragma once

#include "zebu/job.h"

#include <atomic>
#include <chrono>
#include <functional>
#include <optional>
#include <stop_token>
#include <string_view>
#include <vector>

namespace zebu {

// Why a job's token fired. Whoever cancels a job that is past its soft limit has the last word.
enum class StopReason { none, soft_limit, cancelled };

// What a running task may know of its job, and say of it. Valid for the call of the task; the thread that runs it uses
// it.
class Context {
 public:
  // What it is made of; all that is pointed to or viewed outlives it.
  struct Parts {
    AttemptId id;
    std::string_view task;
    std::string_view queue;
    std::stop_token stop = {};
    const std::atomic<StopReason>* stop_reason = nullptr;  // null: a token that fires means cancelled
    TimePoint started = {};
    std::optional<std::chrono::milliseconds> soft_limit = {};
    std::optional<std::chrono::milliseconds> hard_limit = {};
    const std::vector<Header>* headers = nullptr;                // null: none
    const std::function<void(const Progress&)>* tell = nullptr;  // null: nobody listens
  };
  explicit Context(Parts parts) : parts_(std::move(parts)) {}

  [[nodiscard]] const JobId& job() const { return parts_.id.job; }
  // From 1. A task that was retried, or whose process died, sees a higher one.
  [[nodiscard]] std::uint32_t attempt() const { return parts_.id.attempt; }
  [[nodiscard]] std::string_view task() const { return parts_.task; }
  [[nodiscard]] std::string_view queue() const { return parts_.queue; }
  // What the submitter sent along with the job.
  [[nodiscard]] const std::vector<Header>& headers() const;
  [[nodiscard]] std::optional<std::string_view> header(std::string_view name) const;

  // How long this attempt may run until the token fires, and until the slot's process is killed.
  [[nodiscard]] std::optional<std::chrono::milliseconds> soft_limit() const { return parts_.soft_limit; }
  [[nodiscard]] std::optional<std::chrono::milliseconds> hard_limit() const { return parts_.hard_limit; }
  // When the first of the two comes.
  [[nodiscard]] std::optional<TimePoint> deadline() const;

  // Somebody wants the job to end, or its soft limit has come: return, or throw Cancelled, soon. A cancelled job's
  // process is killed after a grace period. One past its soft limit may still return its result.
  [[nodiscard]] bool cancelled() const { return parts_.stop.stop_requested(); }
  void throw_if_cancelled() const;
  // cancelled() is true because of the soft limit alone.
  [[nodiscard]] bool soft_limit_reached() const;
  // For what understands a std::stop_token itself.
  [[nodiscard]] const std::stop_token& stop_token() const { return parts_.stop; }
  // Sleeps; true when the whole time has passed, false as soon as the token has fired.
  [[nodiscard]] bool wait_for(std::chrono::milliseconds time) const;

  // How much is done, 0 to 1, and what is done now (empty: as before). Whoever waits for the job and who asks for its
  // state sees the latest. Cheap enough for an inner loop: at most about ten a second leave the slot.
  void progress(double done, std::string_view note = {}) const;
  // Appends to the output that the job shows before it has a result. Of an attempt the last 64 KiB are kept.
  void print(std::string_view text) const;

 private:
  Parts parts_;
};

}  // namespace zebu
