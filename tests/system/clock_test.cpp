#include "tests/support/catch.h"
#include "tests/support/eventually.h"
#include "tests/support/paths.h"
#include "tests/support/stack.h"
#include "tests/support/stepped_clock.h"

#include <nlohmann/json.hpp>

// Somebody sets the wall clock while the programs run. (tests/step_clock does not go with a sanitizer.)
#ifndef ZEBU_SANITIZED
using namespace zebu::test;
using namespace std::chrono_literals;
using Json = nlohmann::json;

namespace {

struct ClockStack {
  explicit ClockStack(std::vector<std::string> consumer = {"--slots", "4", "--test-tasks"}) {
    StackOptions options;
    options.consumer = std::move(consumer);
    options.with_webfront = false;
    options.environment = clock.environment();
    stack.emplace(std::move(options));
  }

  Json status(const std::string& id) { return Json::parse(stack->produce({"--output", "json", "status", id}).out); }
  std::string submit(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "submit");
    const Finished submitted = stack->produce(std::move(arguments));
    REQUIRE(submitted.exit.code == 0);
    return submitted.out.substr(0, submitted.out.find('\n'));
  }
  bool comes_to(const std::string& id, const std::string& state) {
    return eventually([&] { return status(id).at("state") == state; });
  }

  TempDir folder;
  SteppedClock clock{folder.path() / "clock"};
  std::optional<Stack> stack;
};

}  // namespace

TEST_CASE("a clock that is set kills no running job, moves no retry and no delay, and is shown") {
  ClockStack yard;
  const std::chrono::hours step = GENERATE(1h, -24h);
  const std::string runs = yard.submit({"hang", "--hard-limit", "60", "--retries", "0"});
  const std::string retried = yard.submit({"fail", "it broke", "--retries", "1", "--retry-delay", "2s"});
  REQUIRE(yard.comes_to(runs, "running"));
  REQUIRE(yard.comes_to(retried, "scheduled"));
  const std::string delayed = yard.submit({"echo", "1", "--delay", "2s"});
  yard.clock.set(step);
  CHECK(yard.comes_to(delayed, "succeeded"));
  CHECK(yard.comes_to(retried, "failed"));
  const Json job = yard.status(runs);
  CHECK(job.at("state") == "running");
  CHECK(job.at("attempt") == 1);
  CHECK(job.at("crashes") == 0);
  // What is told is by the clock as it is now.
  const auto ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch() + step);
  const std::chrono::milliseconds submitted(job.at("submitted_ms").get<std::int64_t>());
  CHECK(submitted <= ms);
  CHECK(submitted > ms - 10min);
}

TEST_CASE("a producer whose clock is wrong does not have its jobs on top of every list") {
  ClockStack yard;
  SteppedClock wrong(yard.folder.path() / "wrong");
  wrong.set(24h * 365 * 70);
  const Finished early =
      run({.command = {program("zebu-producer"), "--broker", yard.stack->clients(), "submit", "echo", "1"},
           .environment = wrong.environment()});
  REQUIRE(early.exit.code == 0);
  const std::string first = early.out.substr(0, early.out.find('\n'));
  const std::string second = yard.submit({"echo", "2"});
  std::istringstream lines(yard.stack->produce({"--output", "json", "list"}).out);
  std::vector<std::string> ids;
  for (std::string line; std::getline(lines, line);) ids.push_back(Json::parse(line).at("id"));
  CHECK(ids == std::vector<std::string>{second, first});
}
#endif
