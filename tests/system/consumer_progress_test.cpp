#include "tests/support/catch.h"
#include "tests/support/consumer_yard.h"
#include "zebu/convert.h"
#include "zebu/progress.h"

#include <algorithm>
#include <numeric>
#include <utility>

using namespace std::chrono_literals;
using namespace zebu::test;
using Yard = ConsumerYard;
using zebu::AttemptId;
using zebu::JobState;
using zebu::pack_args;
using zebu::Progress;

namespace {

std::string output_of(const std::vector<Progress>& told) {
  return std::accumulate(told.begin(), told.end(), std::string(),
                         [](std::string all, const Progress& each) { return std::move(all) + each.output; });
}

// How far it came in the end.
std::pair<double, std::string> last_of(const std::vector<Progress>& told) {
  Progress all;
  for (const Progress& each : told) zebu::append(all, each.done, each.note, {});
  return {all.done.value_or(-1), all.note};
}

}  // namespace

TEST_CASE("a task's progress reaches the broker while it runs, and all of it before its outcome") {
  const std::string pool = GENERATE("processes", "threads");
  Yard yard({"--slots", "1", "--pool", pool});
  const AttemptId job = yard.broker.assign("progress", pack_args(4, 150));
  yard.broker.hear_until([&] { return !yard.broker.told[job].empty(); });
  CHECK(yard.broker.ended.empty());
  CHECK(yard.broker.told[job][0].done == 0.25);
  CHECK(yard.broker.told[job][0].note == "1 of 4");
  CHECK(yard.broker.outcome(job).state == JobState::succeeded);
  const auto& told = yard.broker.told[job];
  CHECK(last_of(told) == std::pair(1.0, std::string("4 of 4")));
  CHECK(output_of(told) == "step 1 took 150 ms\nstep 2 took 150 ms\nstep 3 took 150 ms\nstep 4 took 150 ms\n");
}

TEST_CASE("a task's frequent progress is sent about ten times a second") {
  const std::string pool = GENERATE("processes", "threads");
  Yard yard({"--slots", "1", "--pool", pool});
  const auto start = zebu::Clock::now();
  const AttemptId chatty = yard.broker.assign("progress", pack_args(500, 1));
  CHECK(yard.broker.outcome(chatty).state == JobState::succeeded);
  const auto tenths = (zebu::Clock::now() - start) / 100ms;
  CHECK(yard.broker.told[chatty].size() <= static_cast<std::size_t>(tenths) + 2);
  CHECK(last_of(yard.broker.told[chatty]) == std::pair(1.0, std::string("500 of 500")));

  // Its only word comes right behind the ones of the job before, and it runs on for long.
  const AttemptId quiet = yard.broker.assign("deaf", pack_args(3'600'000));
  yard.broker.hear_until([&] { return !yard.broker.told[quiet].empty(); });
  CHECK(yard.broker.told[quiet][0].note == "deaf");
}

TEST_CASE("the progress of short jobs arrives before the outcome of each") {
  Yard yard({"--slots", "2"});
  std::vector<AttemptId> jobs;
  for (int i = 0; i < 500; ++i) jobs.push_back(yard.broker.assign("progress", pack_args(1, 0)));
  for (const AttemptId& job : jobs) {
    yard.broker.hear_until([&] {
      const auto& back = yard.broker.returned;
      return yard.broker.ended.count(job) > 0 || std::find(back.begin(), back.end(), job) != back.end();
    });
    if (yard.broker.ended.count(job) > 0) CHECK(output_of(yard.broker.told[job]) == "step 1 took 0 ms\n");
  }
}

TEST_CASE("a task that prints without end costs neither the consumer nor the broker its memory") {
  Yard yard({"--slots", "1"});
  const AttemptId job = yard.broker.assign("progress", pack_args(100'000, 0));
  CHECK(yard.broker.outcome(job).state == JobState::succeeded);
  for (const Progress& told : yard.broker.told[job]) CHECK(told.output.size() <= zebu::kMaxOutput);
  const std::string last = "step 100000 took 0 ms\n";
  const std::string output = output_of(yard.broker.told[job]);
  CHECK(output.substr(output.size() - last.size()) == last);
}
