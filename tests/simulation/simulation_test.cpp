#include "tests/simulation/run.h"
#include "tests/support/catch.h"

#include <cstdlib>
#include <string>

using zebu::simulation::run_seed;
using zebu::simulation::RunResult;

namespace {

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

}  // namespace

// ZEBU_SEEDS runs from ZEBU_FIRST_SEED on; scripts/simulate runs millions.
TEST_CASE("whatever breaks in between, every promise holds in thousands of random runs") {
#ifdef ZEBU_SANITIZED
  constexpr std::uint64_t kSeeds = 300;
#else
  constexpr std::uint64_t kSeeds = 3000;
#endif
  const std::uint64_t first = number_from("ZEBU_FIRST_SEED", 1);
  const std::uint64_t seeds = number_from("ZEBU_SEEDS", kSeeds);
  const auto lines = static_cast<std::size_t>(number_from("ZEBU_TRACE", 200));
  std::size_t jobs = 0;
  for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
    const RunResult result = run_seed(seed, lines);
    jobs += result.jobs;
    if (!result.violation) continue;
    FAIL(result.trace << result.violation->check << ": " << result.violation->what
                      << "\nagain: scripts/simulate --seed " << seed);
  }
  CHECK(jobs > 0);
}

TEST_CASE("a seed makes the same run every time, and another seed another one") {
  std::uint64_t before = 0;
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    const RunResult one = run_seed(seed);
    const RunResult two = run_seed(seed);
    CHECK(one.hash == two.hash);
    CHECK(one.jobs == two.jobs);
    CHECK(one.hash != before);
    before = one.hash;
  }
}

// tests/simulation/mutate builds this with a bug in the engine: the check that is to find it must.
TEST_CASE("a planted bug is found", "[.planted]") {
  const char* check = std::getenv("ZEBU_EXPECT");
  REQUIRE(check != nullptr);
  const std::uint64_t seeds = number_from("ZEBU_SEEDS", 3000);
  std::string found;
  for (std::uint64_t seed = 1; seed <= seeds && found != check; ++seed) {
    const RunResult result = run_seed(seed);
    if (result.violation) found = result.violation->check;
    if (found == check) WARN("seed " << seed << ": " << result.violation->what);
  }
  CHECK(found == check);
}
