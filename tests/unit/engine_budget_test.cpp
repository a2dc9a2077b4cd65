#include "tests/support/catch.h"
#include "tests/support/engine_driver.h"

// No round grows with the number of jobs whose time has come.
namespace zebu::broker {

using std::chrono::milliseconds;
using std::chrono::seconds;
using zebu::test::EngineDriver;

namespace {

constexpr std::size_t kJobs = 5000;
constexpr std::size_t kAtOnce = 2000;  // more than that no round may do

std::vector<JobId> submit_all(EngineDriver& d, SessionId from, const JobOptions& options) {
  std::vector<JobId> ids;
  for (std::size_t i = 0; i < kJobs; ++i) ids.push_back(d.submit(from, false, options));
  d.take();
  return ids;
}

bool has_more_at_once(EngineDriver& d) { return d.engine().next_deadline() <= d.now().steady; }

}  // namespace

TEST_CASE("jobs that expire together end in steps, other jobs run meanwhile, and none of them starts") {
  EngineDriver d;
  const SessionId client = d.client();
  JobOptions options;
  options.expires_in = seconds(1);
  options.transient = GENERATE(false, true);
  submit_all(d, client, options);
  d.pass(seconds(2));
  const SessionId consumer = d.consumer(100, 100, Uuid::make(), {}, {"default", "other"});
  const JobId other = d.submit(client, true, {}, "other");
  d.take();
  std::size_t rounds = 0;
  std::uint64_t before = 0;
  do {
    d.engine().tick(d.now(), d.effects);
    const std::uint64_t expired = d.engine().totals().expired;
    CHECK(expired - before <= kAtOnce);
    before = expired;
    const Effects effects = d.take();
    for (const auto& each : effects.assigned) CHECK(each.what.job->id == other);
    if (rounds == 0) CHECK(effects.assigned.size() == 1);
    REQUIRE(++rounds < 20);
  } while (has_more_at_once(d));
  CHECK(before == kJobs);
  CHECK(d.engine().sessions().at(consumer).consumer->running.size() == 1);
}

TEST_CASE("jobs that fall due together are queued in steps") {
  EngineDriver d;
  const SessionId client = d.client();
  JobOptions options;
  options.delay = seconds(1);
  options.transient = GENERATE(false, true);
  submit_all(d, client, options);
  d.pass(seconds(2));
  std::size_t rounds = 0;
  std::size_t before = 0;
  do {
    d.engine().tick(d.now(), d.effects);
    d.take();
    const std::size_t queued = d.engine().jobs().find_queue("default")->queued;
    CHECK(queued - before <= kAtOnce);
    before = queued;
    REQUIRE(++rounds < 20);
  } while (has_more_at_once(d));
  CHECK(before == kJobs);
}

TEST_CASE("the more jobs finish, the more outcomes a step forgets") {
  EngineOptions options = test::engine_options();
  options.result_ttl = seconds(1);
  EngineDriver d(options);
  const SessionId client = d.client();
  const SessionId consumer = d.consumer(message::kMaxCredit, 1000);
  d.take();
  std::uint64_t most = 0;
  // A thousand a round, twenty rounds a second; with each commit the store forgets one step.
  for (int round = 0; round < 200; ++round) {
    for (int i = 0; i < 1000; ++i) d.submit(client, false);
    d.engine().tick(d.now(), d.effects);
    const Effects effects = d.take();
    for (const auto& [session, job, batch] : effects.assigned) d.outcome(consumer, job.job->id, job.uses.attempt);
    d.engine().credit(consumer, static_cast<std::uint32_t>(effects.assigned.size()), d.effects);
    d.take();
    d.pass(milliseconds(50));
    d.engine().heard(client, d.now());
    d.engine().heard(consumer, d.now());
    most = std::max(most, d.engine().jobs().count(JobState::succeeded));
  }
  CHECK(most <= 30'000);  // what one and a half seconds bring
}

}  // namespace zebu::broker
