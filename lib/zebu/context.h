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

// Why a job's token fired. A cancel after the soft limit changes the reason to `cancelled`.
enum class StopReason { none, soft_limit, cancelled };

// A running task's view of its job, and its way to report progress. Valid during the call of the task, and used only by
// the thread that runs it.
class Context {
 public:
  // Everything that these fields point to or view must outlive the Context.
  struct Parts {
    AttemptId id;
    std::string_view task;
    std::string_view queue;
    std::stop_token stop = {};
    const std::atomic<StopReason>* stop_reason = nullptr;  // null: a token that fires means cancelled
    TimePoint started = {};
    std::optional<std::chrono::milliseconds> soft_limit = {};
    std::optional<std::chrono::milliseconds> hard_limit = {};
    const std::vector<Header>* headers = nullptr;  // null: none
    Bytes kwargs = {};                             // one msgpack map; empty: none
    std::uint32_t failures = 0;
    std::uint32_t crashes = 0;
    std::uint32_t losses = 0;
    std::uint32_t retries = 0;
    const std::function<void(const Progress&)>* on_progress = nullptr;  // receives progress; null: it is dropped
  };
  explicit Context(Parts parts) : parts_(std::move(parts)) {}

  [[nodiscard]] const JobId& job() const { return parts_.id.job; }
  // From 1. It is higher after a retry, a crash or a loss of the consumer.
  [[nodiscard]] std::uint32_t attempt() const { return parts_.id.attempt; }
  // How many earlier attempts failed, lost their process, or lost their consumer.
  [[nodiscard]] std::uint32_t failures() const { return parts_.failures; }
  [[nodiscard]] std::uint32_t crashes() const { return parts_.crashes; }
  [[nodiscard]] std::uint32_t losses() const { return parts_.losses; }
  // How many failures the submitter allows before the one that fails the job. If this attempt fails and failures() is
  // as high, the job has failed.
  [[nodiscard]] std::uint32_t retries() const { return parts_.retries; }
  [[nodiscard]] std::string_view task() const { return parts_.task; }
  [[nodiscard]] std::string_view queue() const { return parts_.queue; }
  // The headers that the submitter set.
  [[nodiscard]] const std::vector<Header>& headers() const;
  [[nodiscard]] std::optional<std::string_view> header(std::string_view name) const;

  // The keyword arguments as they came; a task takes them with Keyword or Keywords (arguments.h).
  [[nodiscard]] Bytes kwargs() const { return parts_.kwargs; }

  // How long after the attempt's start the token fires, and the slot's process is killed.
  [[nodiscard]] std::optional<std::chrono::milliseconds> soft_limit() const { return parts_.soft_limit; }
  [[nodiscard]] std::optional<std::chrono::milliseconds> hard_limit() const { return parts_.hard_limit; }
  // The earlier of the two limits; nullopt without limits.
  [[nodiscard]] std::optional<TimePoint> deadline() const;

  // The token has fired: the job was cancelled, or its soft limit has passed. Return or throw Cancelled soon. The
  // process of a cancelled job is killed after a grace period. After the soft limit the task may still return its
  // result.
  [[nodiscard]] bool cancelled() const { return parts_.stop.stop_requested(); }
  void throw_if_cancelled() const;
  // The token has fired because of the soft limit, and the job was not cancelled.
  [[nodiscard]] bool soft_limit_reached() const;
  // The token itself, for functions that take a std::stop_token.
  [[nodiscard]] const std::stop_token& stop_token() const { return parts_.stop; }
  // Sleeps. Returns true after the whole time, false as soon as the token fires.
  [[nodiscard]] bool wait_for(std::chrono::milliseconds time) const;

  // Reports the fraction done, 0 to 1, and the current step (empty: unchanged, at most kMaxNote bytes). Clients that
  // wait for the job or query it see the latest report. Cheap enough for an inner loop: the slot sends about ten
  // reports a second at most.
  void progress(double done, std::string_view note = {}) const;
  // Appends to the output that the job shows before it has a result. The last 64 KiB of an attempt's output are kept.
  // Texts are UTF-8; other bytes become U+FFFD. A character may be printed in parts.
  void print(std::string_view text) const;

 private:
  Parts parts_;
};

}  // namespace zebu
