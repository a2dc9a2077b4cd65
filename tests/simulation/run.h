#pragma once

#include "tests/simulation/trace.h"

#include <optional>

namespace zebu::simulation {

struct RunResult {
  std::uint64_t seed = 0;
  std::uint64_t hash = 0;  // of all that happened
  std::size_t jobs = 0;
  std::optional<Violation> violation;
  std::string trace;  // the last of what happened, when a check did not hold
};

// One run: everything in it follows from the seed.
[[nodiscard]] RunResult run_seed(std::uint64_t seed, std::size_t lines = 200);

}  // namespace zebu::simulation
