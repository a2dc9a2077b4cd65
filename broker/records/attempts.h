#pragma once

#include "zebu/job.h"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace zebu::broker {

// shared_ptr: the same name is in many jobs, records and sessions.
using SharedText = std::shared_ptr<const std::string>;

// How an attempt ended. lost: its consumer was lost, and the job was charged with that; lost_uncharged: it was not;
// left: its consumer said BYE and had it still.
enum class AttemptEnd : std::uint8_t { succeeded, failed, crashed, lost, left, cancelled, lost_uncharged };
[[nodiscard]] constexpr bool is_loss(AttemptEnd end) {
  return end == AttemptEnd::lost || end == AttemptEnd::lost_uncharged;
}
[[nodiscard]] std::string_view to_string(AttemptEnd end);
// How the attempt ended that a job's outcome is of.
[[nodiscard]] AttemptEnd end_of(const Outcome& outcome);

// An attempt that has ended.
struct AttemptRecord {
  std::uint32_t attempt = 0;
  AttemptEnd end = AttemptEnd::failed;
  WallTime started{};
  WallTime ended{};
  std::chrono::microseconds ran{0};  // as its consumer measured it; of one that was lost: 0
  std::string consumer;              // its name; empty: not known
  std::string type;                  // of its error, and the beginning of the text
  std::string message;

  bool operator==(const AttemptRecord&) const = default;
};
inline constexpr std::size_t kMaxAttempts = 20;         // that are remembered of a job, the last ones
inline constexpr std::size_t kMaxAttemptMessage = 256;  // bytes

// Where the newest attempt was or is, and since when. Without a consumer there is none, or it is in the log already.
struct LastAttempt {
  WallTime started{};
  SharedText consumer;
};

// The attempts of a job that did not end it, oldest first; null: none. Shared and never changed: a log with one more is
// another one.
using AttemptLog = std::shared_ptr<const std::vector<AttemptRecord>>;
[[nodiscard]] AttemptLog with(const AttemptLog& log, AttemptRecord record);
// The attempt's record in the log; null: it has none.
[[nodiscard]] const AttemptRecord* find(const AttemptLog& log, std::uint32_t attempt);
// Without this attempt.
[[nodiscard]] AttemptLog without(const AttemptLog& log, std::uint32_t attempt);

// The record of an attempt. error: null if it has none.
[[nodiscard]] AttemptRecord attempt_record(std::uint32_t attempt, AttemptEnd end, const LastAttempt& where,
                                           WallTime ended, const Outcome* outcome);

}  // namespace zebu::broker
