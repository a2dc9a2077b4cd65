#include "tests/simulation/run.h"

#include "tests/simulation/world.h"

namespace zebu::simulation {

RunResult run_seed(std::uint64_t seed, std::size_t lines) {
  World world(seed, lines);
  RunResult result;
  result.seed = seed;
  try {
    world.run();
  } catch (const Violation& violation) {
    result.violation = violation;
    result.trace = world.trace.text();
  }
  result.hash = world.trace.hash();
  result.jobs = world.ledger.jobs().size();
  return result;
}

}  // namespace zebu::simulation
