#pragma once

#include <zebu/ids.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace zebu {

using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;
using WallTime = std::chrono::time_point<std::chrono::system_clock, std::chrono::milliseconds>;

// Both clocks, read once a round of a loop: the steady one orders and limits, the wall clock is shown to people.
struct Moment {
  TimePoint steady;
  WallTime wall;

  [[nodiscard]] static Moment now() {
    return {Clock::now(), std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now())};
  }
};

// A view of msgpack bytes that somebody else holds.
using Bytes = std::string_view;

// Spelled as on the wire; the edges between them are docs/job-lifecycle.md's table.
enum class JobState { scheduled, queued, running, succeeded, failed, cancelled, expired };
inline constexpr int kJobStates = 7;

[[nodiscard]] std::string_view to_string(JobState state);
[[nodiscard]] std::optional<JobState> job_state_from(std::string_view text);
[[nodiscard]] bool is_final(JobState state);
// Whether a job may go from one state to the other. There is no other place that knows.
[[nodiscard]] bool may_move(JobState from, JobState to);

// A name of a task, queue or process: 1 to 128 bytes of UTF-8 without spaces or control characters.
inline constexpr std::size_t kMaxName = 128;
[[nodiscard]] bool is_valid_name(std::string_view name);

struct JobOptions {
  bool transient = false;    // lives in the broker's memory only; accepted without waiting for the store
  bool only_served = false;  // refused with no_consumer when no consumer serves the queue now

  bool operator==(const JobOptions&) const = default;
};

// Why an attempt failed. type: the exception's type or one of docs/protocol.md's `zebu::…`; trace: innermost first.
struct TaskError {
  std::string type;
  std::string message;
  std::vector<std::string> trace;

  bool operator==(const TaskError&) const = default;
};

// How an attempt ended: a result (one msgpack value), an error, or nothing for a cancelled one.
struct Outcome {
  JobState state = JobState::cancelled;  // succeeded, failed or cancelled
  std::string result;                    // for succeeded
  TaskError error;                       // for failed
  std::chrono::microseconds ran{0};

  bool operator==(const Outcome&) const = default;
};

struct AttemptId {
  JobId job;
  std::uint32_t attempt = 0;

  auto operator<=>(const AttemptId&) const = default;
};

}  // namespace zebu
