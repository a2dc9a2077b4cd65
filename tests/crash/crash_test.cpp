#include "tests/crash/round.h"
#include "tests/support/catch.h"

#include <cstdlib>

// kill -9 of real processes at random moments. The environment may say how many rounds (ZEBU_CRASH_ROUNDS), of how many
// jobs (ZEBU_CRASH_JOBS), and from which seed on (ZEBU_CRASH_SEED). A round that fails keeps its folder and prints its
// seed, which brings back the plan and the order of the kills, though not the machine's timing.
namespace zebu::crash {
namespace {

#ifdef ZEBU_SANITIZED
constexpr std::uint64_t kRounds = 1;
constexpr std::uint64_t kJobs = 2'000;
#else
constexpr std::uint64_t kRounds = 2;
constexpr std::uint64_t kJobs = 10'000;
#endif

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::stoull(text);
}

std::filesystem::path make_folder() {
  std::string name = (std::filesystem::temp_directory_path() / "zebu-crash-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make " + name);
  return name;
}

TEST_CASE("kill -9 of broker, consumers and producers loses no job, changes no outcome and doubles no work") {
  const std::uint64_t rounds = from_environment("ZEBU_CRASH_ROUNDS", kRounds);
  const std::uint64_t first = from_environment("ZEBU_CRASH_SEED", std::random_device()());
  for (std::uint64_t i = 0; i < rounds; ++i) {
    RoundOptions options;
    options.folder = make_folder();
    options.seed = first + i;
    options.jobs = from_environment("ZEBU_CRASH_JOBS", kJobs);
    try {
      Round(options).run();
      std::filesystem::remove_all(options.folder);
    } catch (const std::exception& e) {
      FAIL("seed " << options.seed << ", folder " << options.folder << ": " << e.what());
    }
  }
  SUCCEED(rounds << " rounds from seed " << first);
}

}  // namespace
}  // namespace zebu::crash
