#pragma once

#include "zebu/ids.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
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

// The longest duration that an option may have, 68 years: sums with a clock's time stay far from overflow. And the
// latest time, the end of the year 9999.
inline constexpr std::chrono::milliseconds kMaxDuration{(std::int64_t{1} << 31) * 1000};
inline constexpr WallTime kMaxWallTime{std::chrono::milliseconds{253'402'300'799'999}};

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

// How often a failed attempt is followed by another one, and when. A crash of the process is no failure and does not
// use a retry up.
struct RetryPolicy {
  std::uint32_t max = 0;                  // attempts after the first failed one
  std::chrono::milliseconds delay{1000};  // before the first retry
  double factor = 2;                      // 1 to 100: each delay is the one before times this
  std::chrono::milliseconds cap{3'600'000};
  double jitter = 0.1;  // 0 to 1: a delay is shortened by up to this part of it, so that retries spread

  bool operator==(const RetryPolicy&) const = default;
};

// As long as what state lasts, a job with a unique key keeps others with the same key out.
enum class UniqueWhile { queued, unfinished };

using Header = std::pair<std::string, std::string>;

inline constexpr std::uint8_t kDefaultPriority = 4;
inline constexpr std::uint8_t kMaxPriority = 9;
inline constexpr double kMaxRetryFactor = 100;
inline constexpr std::size_t kMaxUnique = 512;         // bytes of a unique key
inline constexpr std::size_t kMaxHeaders = 64;         // of a job
inline constexpr std::size_t kMaxHeaderBytes = 16384;  // of all of a job's headers together

struct JobOptions {
  bool transient = false;    // lives in the broker's memory only; accepted without waiting for the store
  bool only_served = false;  // refused with no_consumer when no consumer serves the queue now
  bool acks_early = false;   // at most once: an attempt that is lost is not repeated
  std::uint8_t priority = kDefaultPriority;  // 0 to 9, 9 first
  RetryPolicy retry = {};
  // When it may start: so long after it was accepted, or then. At most one of the two.
  std::chrono::milliseconds delay{0};
  std::optional<WallTime> run_at = {};
  // When it must have started, else it expires. At most one of the two.
  std::optional<std::chrono::milliseconds> expires_in = {};
  std::optional<WallTime> expires_at = {};
  // Of one attempt: when its token fires, and when its process is killed.
  std::optional<std::chrono::milliseconds> soft_limit = {};
  std::optional<std::chrono::milliseconds> hard_limit = {};
  // How long its outcome is kept; nothing: as the broker does (--result-ttl, and failed ones until somebody acts).
  std::optional<std::chrono::milliseconds> result_ttl = {};
  // Whoever submits a job with this key while another one has it gets that other one instead. Empty: no key.
  std::string unique = {};
  UniqueWhile unique_while = UniqueWhile::unfinished;
  std::chrono::milliseconds unique_for{0};  // so long after its success the job still has the key
  std::vector<Header> headers = {};         // travel with the job; `traceparent` is one

  bool operator==(const JobOptions&) const = default;
};

// What is wrong with these options, for the person who gave them; nothing when they are good.
[[nodiscard]] std::optional<std::string> why_bad(const JobOptions& options);

// A unique key for equal calls: equal task and arguments have equal keys, others practically never (UUIDv5: SHA-1).
[[nodiscard]] std::string unique_key_of(std::string_view task, Bytes args);

// failure: another attempt may go better. permanent: it would not (bad arguments, an unknown task, thrown as final).
// crash: the process died, which is not the job's failure yet.
enum class ErrorKind { failure, permanent, crash };
[[nodiscard]] std::string_view to_string(ErrorKind kind);
[[nodiscard]] std::optional<ErrorKind> error_kind_from(std::string_view text);

// Why an attempt failed. type: the exception's type or one of docs/protocol.md's `zebu::…`; trace: innermost first.
struct TaskError {
  std::string type;
  std::string message;
  std::vector<std::string> trace;
  ErrorKind kind = ErrorKind::failure;

  bool operator==(const TaskError&) const = default;
};

// How an attempt ended: a result (one msgpack value), an error, or nothing for a cancelled or expired job.
struct Outcome {
  JobState state = JobState::cancelled;  // a final one
  std::string result;                    // for succeeded
  TaskError error;                       // for failed
  std::chrono::microseconds ran{0};

  [[nodiscard]] static Outcome cancelled() { return {JobState::cancelled, {}, {}, {}}; }
  [[nodiscard]] static Outcome expired() { return {JobState::expired, {}, {}, {}}; }
  [[nodiscard]] static Outcome failed(TaskError error) { return {JobState::failed, {}, std::move(error), {}}; }

  bool operator==(const Outcome&) const = default;
};

// What a running attempt says of itself. Each field is what is new since the last time.
struct Progress {
  std::optional<double> done;  // 0 to 1
  std::string note;            // what it does now; empty: as before
  std::string output;          // text that is appended to what came before

  bool operator==(const Progress&) const = default;
};
// Of an attempt's output so much is kept, its end.
inline constexpr std::size_t kMaxOutput = 64U << 10;
inline constexpr std::size_t kMaxNote = 1024;

struct AttemptId {
  JobId job;
  std::uint32_t attempt = 0;

  auto operator<=>(const AttemptId&) const = default;
};

}  // namespace zebu
