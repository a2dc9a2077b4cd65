#include "tests/crash/round.h"
#include "tests/support/catch.h"

#include <cstdlib>

// Real processes, and what befalls them at random moments. The environment may say how many rounds of each kind
// (ZEBU_CRASH_ROUNDS), of how many jobs (ZEBU_CRASH_JOBS), and from which seed on (ZEBU_CRASH_SEED). A round that fails
// keeps its folder and prints its seed, which brings back the plan and the order of what happened, though not the
// machine's timing.
namespace zebu::crash {
namespace {

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::stoull(text);
}

std::filesystem::path make_folder() {
  std::string name = (std::filesystem::temp_directory_path() / "zebu-crash-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make " + name);
  return name;
}

void run_rounds(RoundKind kind, std::uint64_t rounds, std::uint64_t jobs) {
  rounds = from_environment("ZEBU_CRASH_ROUNDS", rounds);
  const std::uint64_t first = from_environment("ZEBU_CRASH_SEED", std::random_device()());
  std::uint64_t excused = 0;
  for (std::uint64_t i = 0; i < rounds; ++i) {
    const RoundOptions options{make_folder(), kind, first + i, from_environment("ZEBU_CRASH_JOBS", jobs)};
    try {
      Round round(options);
      round.run();
      if (round.is_excused()) ++excused;
      std::filesystem::remove_all(options.folder);
    } catch (const std::exception& e) {
      FAIL("seed " << options.seed << ", folder " << options.folder << ": " << e.what());
    }
  }
  if (excused > 0) WARN(excused << " of " << rounds << " rounds were excused: this machine stood still meanwhile");
  SUCCEED(rounds << " rounds from seed " << first);
}

TEST_CASE("kill -9 of broker, consumers and producers loses no job, changes no outcome and doubles no work",
          "[kills]") {
#ifdef ZEBU_SANITIZED
  run_rounds(RoundKind::kills, 1, 2'000);
#else
  run_rounds(RoundKind::kills, 2, 10'000);
#endif
}

TEST_CASE("broken connections, pauses and steps of the clock take no job from a living consumer", "[living]") {
  run_rounds(RoundKind::living, 1, 2'000);
}

TEST_CASE("kill -9, long silences, broken connections and pauses together lose no job and change no outcome",
          "[both]") {
  run_rounds(RoundKind::both, 1, 2'000);
}

}  // namespace
}  // namespace zebu::crash
