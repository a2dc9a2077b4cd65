#pragma once

#include "zebu/ids.h"
#include "zebu/rare.h"

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

// Both clocks, read once per round of a loop. The steady clock is for order and limits, the wall clock for display.
struct Moment {
  TimePoint steady;
  WallTime wall;

  [[nodiscard]] static Moment now() {
    return {Clock::now(), std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now())};
  }
};

// The longest duration of an option, 68 years, which keeps sums with a clock's time far from overflow; and the latest
// time, the end of the year 9999.
inline constexpr std::chrono::milliseconds kMaxDuration{(std::int64_t{1} << 31) * 1000};
inline constexpr WallTime kMaxWallTime{std::chrono::milliseconds{253'402'300'799'999}};

// A non-owning view of msgpack bytes.
using Bytes = std::string_view;

// Spelled as on the wire. docs/job-lifecycle.md has the table of the edges between them.
enum class JobState : std::uint8_t { scheduled, queued, running, succeeded, failed, cancelled, expired };
inline constexpr int kJobStates = 7;

[[nodiscard]] std::string_view to_string(JobState state);
[[nodiscard]] std::optional<JobState> job_state_from(std::string_view text);
[[nodiscard]] bool is_final(JobState state);
// Whether a job may go from one state to the other. This is the only place that knows the edges.
[[nodiscard]] bool may_move(JobState from, JobState to);

// A name of a task, queue or process: 1 to 128 bytes of UTF-8 without spaces or control characters.
inline constexpr std::size_t kMaxName = 128;
[[nodiscard]] bool is_valid_name(std::string_view name);

// How often a failed attempt is retried, and when. A crash of the process is not a failure and uses up no retry.
struct RetryPolicy {
  std::uint32_t max = 0;                     // attempts allowed after the first failed one
  std::chrono::milliseconds delay{1000};     // time before the first retry
  double factor = 2;                         // 1 to 100: each further delay is this many times longer
  std::chrono::milliseconds cap{3'600'000};  // the longest delay
  double jitter = 0.1;  // 0 to 1: shorten each delay by up to this fraction, so that retries spread out

  bool operator==(const RetryPolicy&) const = default;
};

// The state in which a job keeps its unique key. `unfinished` is every state that is not final.
enum class UniqueWhile { queued, unfinished };

using Header = std::pair<std::string, std::string>;

inline constexpr std::uint8_t kDefaultPriority = 4;
inline constexpr std::uint8_t kMaxPriority = 9;
inline constexpr double kMaxRetryFactor = 100;
inline constexpr std::size_t kMaxUnique = 512;         // bytes of a unique key
inline constexpr std::size_t kMaxHeaders = 64;         // headers of a job
inline constexpr std::size_t kMaxHeaderBytes = 16384;  // bytes of all headers of a job together

struct JobOptions {
  bool transient = false;    // keep the job in the broker's memory only; accepted without waiting for the store
  bool only_served = false;  // refuse the job with no_consumer if no consumer serves the queue now
  bool acks_early = false;   // at most once: a lost attempt is not repeated
  std::uint8_t priority = kDefaultPriority;  // 0 to 9, 9 first
  // Arguments, result, progress and the texts of errors are shown to the consumers of the job and to clients that wait
  // for it, and to nobody else.
  bool is_private = false;
  RetryPolicy retry = {};
  // Start the job this long after it was accepted, or at this time. At most one of the two.
  std::chrono::milliseconds delay{0};
  std::optional<WallTime> run_at = {};
  // Expire the job if no attempt has started this long after it was accepted, or at this time. At most one of the two.
  std::optional<std::chrono::milliseconds> expires_in = {};
  std::optional<WallTime> expires_at = {};
  // How long after an attempt's start its token fires, and its process is killed. The soft limit must be shorter.
  std::optional<std::chrono::milliseconds> soft_limit = {};
  std::optional<std::chrono::milliseconds> hard_limit = {};
  // How long the outcome is kept. Unset: the broker's --result-ttl, or, for a durable job that has failed, its
  // --failed-ttl.
  std::optional<std::chrono::milliseconds> result_ttl = {};
  // A key that one job of its queue holds at a time: a second submitter gets the first job instead. Empty: no key.
  std::string unique = {};
  UniqueWhile unique_while = UniqueWhile::unfinished;
  std::chrono::milliseconds unique_for{0};  // keep the key this long after success
  std::vector<Header> headers = {};         // travel with the job, for instance `traceparent`

  bool operator==(const JobOptions&) const = default;
};

// Why these options are invalid, in words for the user; nullopt if they are valid.
[[nodiscard]] std::optional<std::string> why_bad(const JobOptions& options);

// A unique key made from task and arguments: equal for equal calls, and practically never for others (UUIDv5: SHA-1).
// kwargs: empty, or a map whose keys are in order.
[[nodiscard]] std::string unique_key_of(std::string_view task, Bytes args, Bytes kwargs = {});

// failure: another attempt may succeed. permanent: another attempt would fail too (bad arguments, an unknown task, a
// PermanentFailure). crash: the process died, which is counted separately.
enum class ErrorKind : std::uint8_t { failure, permanent, crash };
[[nodiscard]] std::string_view to_string(ErrorKind kind);
[[nodiscard]] std::optional<ErrorKind> error_kind_from(std::string_view text);

struct ErrorDetails;

// How many causes an error has at most, one behind the other.
inline constexpr int kMaxCauses = 8;

// Why an attempt failed. type: the exception's type, or a `zebu::…` type of docs/protocol.md; trace: innermost first.
struct TaskError {
  std::string type;
  std::string message;
  std::vector<std::string> trace;
  ErrorKind kind = ErrorKind::failure;
  Rare<ErrorDetails> details = {};

  // The error that led to this one, as std::throw_with_nested says it; null: none.
  [[nodiscard]] const TaskError* cause() const;
  // The task asks to be tried again after this time, instead of the backoff.
  [[nodiscard]] std::optional<std::chrono::milliseconds> retry_after() const;

  bool operator==(const TaskError& other) const;
};
// What few errors have.
struct ErrorDetails {
  Rare<TaskError> cause = {};
  std::optional<std::chrono::milliseconds> retry_after = {};

  bool operator==(const ErrorDetails&) const = default;
};

// How a job or an attempt ended: with a result (one msgpack value), with an error, or, if cancelled or expired, with
// neither.
struct Outcome {
  JobState state = JobState::cancelled;  // a final state
  std::string result;                    // if succeeded
  TaskError error;                       // if failed
  std::chrono::microseconds ran{0};

  [[nodiscard]] static Outcome cancelled() { return {JobState::cancelled, {}, {}, {}}; }
  [[nodiscard]] static Outcome expired() { return {JobState::expired, {}, {}, {}}; }
  [[nodiscard]] static Outcome failed(TaskError error) { return {JobState::failed, {}, std::move(error), {}}; }

  bool operator==(const Outcome&) const = default;
};

// Progress of a running attempt. Each field holds only what is new since the last report.
struct Progress {
  std::optional<double> done;  // fraction, 0 to 1
  std::string note;            // the current step; empty: unchanged
  std::string output;          // text to append to the earlier output
  std::uint64_t offset = 0;    // bytes of the attempt's output before `output`
  std::uint64_t number = 0;    // of this report within the attempt, from 1

  bool operator==(const Progress&) const = default;
};
// Bytes that are kept of an attempt's output (its end) and of its note (its beginning).
inline constexpr std::size_t kMaxOutput = 64U << 10;
inline constexpr std::size_t kMaxNote = 1024;

struct AttemptId {
  JobId job;
  std::uint32_t attempt = 0;

  auto operator<=>(const AttemptId&) const = default;
};

}  // namespace zebu
