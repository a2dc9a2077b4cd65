#include "tests/support/catch.h"
#include "tests/support/engine_driver.h"

// Which finished jobs stay in memory.
namespace zebu::broker {

using zebu::test::engine_options;
using zebu::test::EngineDriver;

namespace {

struct Finisher {
  explicit Finisher(const EngineOptions& options = engine_options()) : d(options) {}

  // The id of a job that was run to its end.
  JobId run(const JobOptions& options) {
    const JobId id = d.submit(client, true, options);
    REQUIRE(d.assigned_to(consumer).size() == 1);
    d.outcome(consumer, id, 1);
    d.take();
    return id;
  }
  JobId fail(const JobOptions& options) {
    const JobId id = d.submit(client, true, options);
    REQUIRE(d.assigned_to(consumer).size() == 1);
    d.fail(consumer, id, 1);
    d.take();
    return id;
  }
  bool is_stored(const JobId& id) { return d.store.find({id})->at(0).has_value(); }
  bool has(const JobId& id) { return d.engine().jobs().find(id) != nullptr; }

  EngineDriver d;
  SessionId client = d.client();
  SessionId consumer = d.consumer(10'000, 10'000);
};

JobOptions kind(bool transient) {
  JobOptions options;
  options.transient = transient;
  return options;
}

}  // namespace

TEST_CASE("a client that waits for many large results is told of each, and a look-up reads a page at a time") {
  EngineDriver d;
  const SessionId client = d.client();
  const SessionId consumer = d.consumer(10, 10);
  std::vector<JobId> ids;
  for (int i = 0; i < 5; ++i) ids.push_back(d.submit(client));
  d.tick();
  const std::string large(kPageBytes / 2, 'x');  // with what else a job has, two of them are a page
  for (const JobId& id : ids) {
    const message::Report report{id, 1, JobState::succeeded, large, {}, std::chrono::microseconds(5)};
    d.engine().outcome(consumer, {0, {report}}, d.now(), d.effects);
    d.settle();
  }
  d.restart();  // now only the store has them
  const SessionId later = d.client();
  d.engine().wait(later, message::Wait{ids}, d.effects);
  std::vector<std::size_t> asked;
  while (!d.effects.reads.empty()) {
    const auto reads = std::exchange(d.effects.reads, {});
    REQUIRE(reads.size() == 1);
    asked.push_back(std::get<Find>(reads.front()).ids.size());
    d.engine().answered(*perform(d.store, reads.front()), d.now(), d.effects);
  }
  CHECK(asked == std::vector<std::size_t>{5, 3, 1});
  std::vector<JobId> told;
  for (const auto& done : d.take().done) told.push_back(done.what.id);
  CHECK(told == ids);
}

TEST_CASE("the newest finished jobs are kept, the oldest forgotten") {
  EngineOptions options = engine_options();
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
  Finisher f;
  const JobId transient = f.run(kind(true));
  const JobId oldest = f.run(kind(false));
  std::vector<JobId> newer;
  for (std::size_t i = 0; i < kDurableKept; ++i) newer.push_back(f.run(kind(false)));
  f.d.tick();
  CHECK_FALSE(f.has(oldest));
  CHECK(f.has(newer.front()));
  CHECK(f.has(transient));
}

TEST_CASE("the bytes of finished jobs are limited, whatever their kind; durable ones go first") {
  EngineOptions options = engine_options();
  options.keep_bytes = 3000;
  Finisher f(options);
  const JobId transient = f.run(kind(true));
  const JobId durable = f.run(kind(false));
  f.d.tick();
  CHECK(f.has(durable));
  while (f.has(durable)) {
    f.run(kind(true));
    f.d.tick();
    REQUIRE(f.d.engine().jobs().in_memory().size() <= 10);
  }
  CHECK(f.has(transient));
  while (f.has(transient)) {
    f.run(kind(true));
    f.d.tick();
    REQUIRE(f.d.engine().jobs().in_memory().size() <= 10);
  }
}

TEST_CASE("an outcome goes when its time is up, from memory too") {
  Finisher f;
  JobOptions options = kind(GENERATE(false, true));
  options.result_ttl = std::chrono::seconds(5);
  const JobId id = f.run(options);
  f.d.pass(std::chrono::seconds(3));
  f.d.tick();
  CHECK(f.has(id));
  f.d.pass(std::chrono::seconds(3));
  f.d.tick();
  CHECK_FALSE(f.has(id));
  CHECK(f.d.engine().jobs().count(JobState::succeeded) == 0);
}

TEST_CASE("transient outcomes without a time of their own are kept as long as the broker says") {
  EngineOptions options = engine_options();
  options.result_ttl = std::chrono::seconds(5);
  Finisher f(options);
  JobOptions longer = kind(true);
  longer.result_ttl = std::chrono::hours(1);
  const JobId kept = f.run(longer);
  const JobId forgotten = f.run(kind(true));
  f.d.pass(std::chrono::seconds(6));
  f.d.tick();
  CHECK(f.has(kept));
  CHECK_FALSE(f.has(forgotten));
}

TEST_CASE("an outcome is kept as long as its job has its unique key") {
  EngineOptions options = engine_options();
  const bool is_own = GENERATE(false, true);
  if (!is_own) options.result_ttl = std::chrono::seconds(1);
  Finisher f(options);
  JobOptions job = kind(GENERATE(false, true));
  job.unique = "k";
  job.unique_for = std::chrono::seconds(60);
  if (is_own) job.result_ttl = std::chrono::seconds(1);
  const JobId id = f.run(job);
  f.d.pass(std::chrono::seconds(30));
  f.d.tick();
  f.d.submit(f.d.client(), true, job);
  const Effects effects = f.d.take();
  REQUIRE(effects.attached.size() == 1);
  CHECK(effects.attached[0].what.to == id);
}

TEST_CASE("failed durable jobs have a time of their own") {
  EngineOptions options = engine_options();
  options.result_ttl = std::chrono::seconds(5);
  options.failed_ttl = std::chrono::seconds(60);
  Finisher f(options);
  const JobId failed = f.fail(kind(false));
  JobOptions shorter = kind(false);
  shorter.result_ttl = std::chrono::seconds(1);
  const JobId gone = f.fail(shorter);
  f.d.pass(std::chrono::seconds(50));
  f.d.tick();
  CHECK(f.is_stored(failed));
  CHECK_FALSE(f.is_stored(gone));
  f.d.pass(std::chrono::seconds(20));
  f.d.tick();
  CHECK_FALSE(f.is_stored(failed));
  CHECK_FALSE(f.has(failed));
  CHECK(f.d.engine().totals().forgotten_failed == 2);
  CHECK(f.d.engine().jobs().count(JobState::failed) == 0);
}

TEST_CASE("of a queue with too many failed jobs the oldest are forgotten, and that is reported") {
  EngineOptions options = engine_options();
  options.failed_limit = 3;
  Finisher f(options);
  const JobId transient = f.fail(kind(true));
  std::vector<JobId> failed;
  for (int i = 0; i < 1500; ++i) {
    failed.push_back(f.fail(kind(false)));
    f.d.pass(std::chrono::milliseconds(1));
  }
  const JobId succeeded = f.run(kind(false));
  f.d.pass(std::chrono::seconds(1));
  f.d.tick();
  CHECK(f.d.engine().totals().forgotten_failed == 1497);
  CHECK(f.d.engine().jobs().queues().at("default")->failed == 3);
  CHECK_FALSE(f.is_stored(failed[1496]));
  CHECK(f.is_stored(failed[1497]));
  CHECK(f.is_stored(succeeded));
  CHECK(f.has(transient));
  f.d.take();
  f.d.pass(std::chrono::seconds(1));
  f.d.tick();
  const Effects effects = f.d.take();
  REQUIRE(effects.forgotten_failed.size() == 1);
  CHECK(effects.forgotten_failed[0].queue == "default");
  CHECK(effects.forgotten_failed[0].too_old == 0);
  f.d.pass(std::chrono::seconds(1));
  f.d.tick();
  CHECK(f.d.take().forgotten_failed.empty());
}

TEST_CASE("a restarted broker forgets the failed jobs that are too many") {
  Finisher f;
  for (int i = 0; i < 4; ++i) (void)f.fail(kind(false));
  EngineOptions options = engine_options();
  options.failed_limit = 1;
  f.d.restart(options);
  f.d.tick();
  CHECK(f.d.engine().jobs().count(JobState::failed) == 1);
}

TEST_CASE(
    "a job that ends with a tick can be queried by the clients that are told, however short its outcome is kept") {
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
  CHECK(d.engine().jobs().find(id));
  CHECK(d.effects.done[0].what.id == id);
  CHECK(d.effects.done[0].what.outcome);
  d.take();
  d.tick();
  CHECK_FALSE(d.engine().jobs().find(id));
}

}  // namespace zebu::broker
