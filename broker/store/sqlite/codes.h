#pragma once

#include "zebu/job.h"

#include <array>
#include <optional>

namespace zebu::broker {

// The numbers that rows have for states, apart from the order of the enum. A number never gets another meaning: a new
// state gets a new number, and a row with a number that is not here is damaged.
struct StateCode {
  JobState state;
  std::uint8_t code;
};
inline constexpr std::array<StateCode, kJobStates> kStateCodes = {{
    {JobState::scheduled, 1},
    {JobState::queued, 2},
    {JobState::running, 3},
    {JobState::succeeded, 4},
    {JobState::failed, 5},
    {JobState::cancelled, 6},
    {JobState::expired, 7},
}};

[[nodiscard]] constexpr std::optional<std::uint8_t> find_code(JobState state) {
  for (const StateCode& one : kStateCodes) {
    if (one.state == state) return one.code;
  }
  return std::nullopt;
}

[[nodiscard]] constexpr std::optional<JobState> state_of_code(unsigned code) {
  for (const StateCode& one : kStateCodes) {
    if (one.code == code) return one.state;
  }
  return std::nullopt;
}

// Every state has one.
[[nodiscard]] constexpr std::uint8_t code_of(JobState state) { return *find_code(state); }
static_assert([] {
  for (int state = 0; state < kJobStates; ++state) {
    if (!find_code(static_cast<JobState>(state))) return false;
  }
  return true;
}());

}  // namespace zebu::broker
