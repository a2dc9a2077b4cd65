#include "support/catch.h"
#include "support/engine_driver.h"

// Which finished jobs stay in memory.
using namespace zebu;
using namespace zebu::broker;
using zebu::test::engine_options;
using zebu::test::EngineDriver;

TEST_CASE("the newest finished jobs are kept, the oldest forgotten") {
  Options options = engine_options();
  options.keep = 2;
  EngineDriver d(options);
  const SessionId client = d.client();
  const SessionId consumer = d.consumer(3, 3);
  std::vector<JobId> ids;
  for (int i = 0; i < 3; ++i) ids.push_back(d.submit(client));
  CHECK(d.assigned_to(consumer).size() == 3);
  for (const JobId& id : ids) d.outcome(consumer, id, 1);
  d.tick();
  CHECK_FALSE(d.engine().jobs().find(ids[0]));
  CHECK(d.engine().jobs().find(ids[1]));
  CHECK(d.engine().jobs().count(JobState::succeeded) == 3);  // the store has the oldest
}

TEST_CASE("finished durable jobs, which the store has too, leave transient ones in memory") {
  EngineDriver d;
  const SessionId client = d.client();
  const SessionId consumer = d.consumer(10'000, 10'000);
  const auto run = [&](bool transient) {
    JobOptions options;
    options.transient = transient;
    const JobId id = d.submit(client, true, options);
    REQUIRE(d.assigned_to(consumer).size() == 1);
    d.outcome(consumer, id, 1);
    return id;
  };
  const JobId transient = run(true);
  const JobId oldest = run(false);
  std::vector<JobId> newer;
  for (std::size_t i = 0; i < kDurableKept; ++i) newer.push_back(run(false));
  d.tick();
  CHECK_FALSE(d.engine().jobs().find(oldest));
  CHECK(d.engine().jobs().find(newer.front()));
  CHECK(d.engine().jobs().find(transient));
}

TEST_CASE("the bytes of finished jobs are limited, whatever their kind; durable ones go first") {
  Options options = engine_options();
  options.keep_bytes = 3000;
  EngineDriver d(options);
  const SessionId client = d.client();
  const SessionId consumer = d.consumer(10'000, 10'000);
  std::vector<JobId> ids;
  for (const bool transient : {true, false, true, true, true, true, true, true}) {
    JobOptions job;
    job.transient = transient;
    ids.push_back(d.submit(client, true, job));
    REQUIRE(d.assigned_to(consumer).size() == 1);
    d.outcome(consumer, ids.back(), 1);
    d.tick();
    CHECK(d.engine().jobs().in_memory().size() <= 6);
    if (ids.size() == 2) CHECK(d.engine().jobs().find(ids[1]));
  }
  CHECK_FALSE(d.engine().jobs().find(ids[0]));
  CHECK_FALSE(d.engine().jobs().find(ids[1]));
  CHECK(d.engine().jobs().find(ids.back()));
}

TEST_CASE("an outcome goes when its time is up, from memory too") {
  EngineDriver d;
  const SessionId client = d.client();
  const SessionId consumer = d.consumer(10, 10);
  JobOptions options;
  options.transient = GENERATE(false, true);
  options.result_ttl = std::chrono::seconds(5);
  const JobId id = d.submit(client, true, options);
  REQUIRE(d.assigned_to(consumer).size() == 1);
  d.outcome(consumer, id, 1);
  d.pass(std::chrono::seconds(3));
  d.tick();
  CHECK(d.engine().jobs().find(id));
  d.pass(std::chrono::seconds(3));
  d.engine().heard(client, d.now());
  d.tick();
  CHECK_FALSE(d.engine().jobs().find(id));
  CHECK(d.engine().jobs().count(JobState::succeeded) == 0);
}

TEST_CASE("transient outcomes without a time of their own are kept as long as the broker says") {
  Options options = engine_options();
  options.result_ttl = std::chrono::seconds(5);
  EngineDriver d(options);
  const SessionId client = d.client();
  const SessionId consumer = d.consumer(10, 10);
  std::vector<JobId> ids;
  for (const bool is_longer : {true, false}) {
    JobOptions job;
    job.transient = true;
    if (is_longer) job.result_ttl = std::chrono::hours(1);
    ids.push_back(d.submit(client, true, job));
    REQUIRE(d.assigned_to(consumer).size() == 1);
    d.outcome(consumer, ids.back(), 1);
  }
  d.pass(std::chrono::seconds(6));
  d.tick();
  CHECK(d.engine().jobs().find(ids[0]));
  CHECK_FALSE(d.engine().jobs().find(ids[1]));
}

TEST_CASE("an outcome is kept as long as its job has its unique key") {
  EngineDriver d;
  const SessionId client = d.client();
  const SessionId consumer = d.consumer(10, 10);
  JobOptions options;
  options.unique = "k";
  options.unique_for = std::chrono::seconds(60);
  options.result_ttl = std::chrono::seconds(1);
  options.transient = GENERATE(false, true);
  const JobId id = d.submit(client, true, options);
  REQUIRE(d.assigned_to(consumer).size() == 1);
  d.outcome(consumer, id, 1);
  d.take();
  d.pass(std::chrono::seconds(30));
  d.tick();
  d.submit(d.client(), true, options);
  const Effects effects = d.take();
  REQUIRE(effects.attached.size() == 1);
  CHECK(effects.attached[0].what.to == id);
}

TEST_CASE("a unique key lasts as long as it should where transient outcomes go earlier") {
  Options options = engine_options();
  options.result_ttl = std::chrono::seconds(5);
  EngineDriver d(options);
  const SessionId client = d.client();
  const SessionId consumer = d.consumer(10, 10);
  JobOptions job;
  job.unique = "k";
  job.unique_for = std::chrono::seconds(60);
  job.transient = true;
  const JobId id = d.submit(client, true, job);
  REQUIRE(d.assigned_to(consumer).size() == 1);
  d.outcome(consumer, id, 1);
  d.take();
  d.pass(std::chrono::seconds(30));
  d.tick();
  CHECK(d.engine().jobs().find(id));
}

TEST_CASE("a job that ends with a tick is there for who is told of it, however short its outcome is kept") {
  EngineDriver d;
  const SessionId client = d.client();
  JobOptions options;
  options.transient = true;
  options.expires_in = std::chrono::seconds(1);
  options.result_ttl = std::chrono::milliseconds(0);
  const JobId id = d.submit(client, true, options);
  d.take();
  d.pass(std::chrono::seconds(2));
  d.engine().tick(d.now(), d.effects);
  REQUIRE(d.effects.done.size() == 1);
  CHECK(d.engine().jobs().find(id) == d.effects.done[0].what);
  d.take();
  d.tick();
  CHECK_FALSE(d.engine().jobs().find(id));
}
