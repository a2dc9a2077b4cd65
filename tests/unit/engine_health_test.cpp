#include "tests/support/catch.h"
#include "tests/support/engine_driver.h"

// A consumer that fails all it gets, beside one that does well.
namespace zebu::broker {

using std::chrono::milliseconds;
using std::chrono::seconds;
using zebu::test::EngineDriver;

namespace {

JobOptions with_quick_retries(std::uint32_t retries) {
  JobOptions options;
  options.retry.max = retries;
  options.retry.delay = milliseconds(100);
  return options;
}

void hear_all(EngineDriver& d) {
  for (const auto& [session, each] : d.engine().sessions()) d.engine().heard(session, d.now());
}

}  // namespace

TEST_CASE("a consumer that fails everything quickly does not use up the jobs' retries while another one is busy") {
  EngineDriver d;
  const SessionId client = d.client();
  const SessionId good = d.consumer(1);
  const SessionId bad = d.consumer(1);
  std::vector<JobId> jobs;
  for (int i = 0; i < 40; ++i) jobs.push_back(d.submit(client, true, with_quick_retries(3)));
  std::optional<AttemptId> at_good;
  TimePoint ends{};
  int failures = 0;
  d.take();
  for (int step = 0; step < 10'000 && d.engine().totals().succeeded < jobs.size(); ++step) {
    d.tick();
    for (const auto& [session, job, batch] : d.take().assigned) {
      const AttemptId attempt{job.job->id, job.uses.attempt};
      if (session == good) {
        at_good = attempt;
        ends = d.now().steady + seconds(1);
      } else {
        ++failures;
        d.fail(bad, attempt.job, attempt.attempt);
        d.engine().credit(bad, 1, d.effects);
      }
    }
    if (at_good && d.now().steady >= ends) {
      d.outcome(good, at_good->job, at_good->attempt, JobState::succeeded, 1);
      at_good.reset();
    }
    d.pass(milliseconds(10));
    hear_all(d);
  }
  CHECK(d.engine().totals().succeeded == jobs.size());
  CHECK(d.engine().totals().failed == 0);
  CHECK(failures >= 5);
  CHECK(failures < 20);
}

TEST_CASE("where all consumers fail, none of them waits") {
  EngineDriver d;
  const SessionId client = d.client();
  d.consumer(1);
  d.consumer(1);
  for (int i = 0; i < 100; ++i) d.submit(client);
  d.take();
  for (int round = 0; round < 60; ++round) {
    d.tick();
    for (const auto& [session, job, batch] : d.take().assigned) {
      d.fail(session, job.job->id, job.uses.attempt);
      d.engine().credit(session, 1, d.effects);
    }
  }
  CHECK(d.engine().totals().failed == 100);
}

TEST_CASE("a consumer that has failed and does well again gets as much as others") {
  EngineDriver d;
  const SessionId client = d.client();
  const SessionId bad = d.consumer(1);
  for (int i = 0; i < 8; ++i) {
    const JobId id = d.submit(client);
    REQUIRE(d.assigned_to(bad) == std::vector<AttemptId>{{id, 1}});  // it is alone
    d.fail(bad, id, 1);
    d.engine().credit(bad, 1, d.effects);
  }
  d.consumer(1, 1, Uuid::make(), {}, {"default"}, {"other"});
  const JobId id = d.submit(client);
  CHECK(d.assigned_to(bad).empty());
  d.pass(seconds(1));
  hear_all(d);
  CHECK(d.assigned_to(bad) == std::vector<AttemptId>{{id, 1}});
  d.engine().credit(bad, 2, d.effects);
  d.outcome(bad, id, 1);
  d.submit(client);
  d.submit(client);
  CHECK(d.assigned_to(bad).size() == 2);
}

}  // namespace zebu::broker
