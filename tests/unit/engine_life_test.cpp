#include "broker/engine/life/backoff.h"
#include "tests/support/catch.h"
#include "tests/support/engine_driver.h"

#include <set>

// What the options of a job make of its life.
namespace zebu::broker {

using std::chrono::milliseconds;
using std::chrono::seconds;
using zebu::test::engine_options;
using zebu::test::EngineDriver;
using zebu::test::with_retries;

namespace {

using Attempts = std::vector<AttemptId>;

JobOptions with_priority(int priority) {
  JobOptions options;
  options.priority = static_cast<std::uint8_t>(priority);
  return options;
}

}  // namespace

TEST_CASE("higher priority goes first, within one the oldest") {
  EngineDriver d;
  const SessionId client = d.client();
  const JobId low = d.submit(client, true, with_priority(0));
  const JobId first = d.submit(client);
  const JobId second = d.submit(client);
  const JobId high = d.submit(client, true, with_priority(9));
  const SessionId consumer = d.consumer(4, 4);
  CHECK(d.assigned_to(consumer) == Attempts{{high, 1}, {first, 1}, {second, 1}, {low, 1}});
}

TEST_CASE("a delayed job starts when its time has come, and the broker asks to be woken then") {
  EngineDriver d;
  const SessionId client = d.client();
  const SessionId consumer = d.consumer(1);
  JobOptions options;
  options.delay = milliseconds(1500);
  const bool transient = GENERATE(false, true);
  options.transient = transient;
  const JobId id = d.submit(client, true, options);
  CHECK(d.state_of(id) == JobState::scheduled);
  d.pass(milliseconds(1400));
  CHECK(d.assigned_to(consumer).empty());
  REQUIRE(d.engine().next_deadline());
  CHECK(*d.engine().next_deadline() <= d.now().steady + milliseconds(100));
  d.pass(milliseconds(100));
  CHECK(d.assigned_to(consumer) == Attempts{{id, 1}});
}

TEST_CASE("a job whose time is past starts at once") {
  EngineDriver d;
  const SessionId client = d.client();
  const SessionId consumer = d.consumer(1);
  JobOptions options;
  options.run_at = d.now().wall - seconds(5);
  const JobId id = d.submit(client, true, options);
  CHECK(d.assigned_to(consumer) == Attempts{{id, 1}});
}

TEST_CASE("a job that has not started when it expires is expired, and never runs") {
  EngineDriver d;
  const SessionId client = d.client();
  JobOptions options;
  options.expires_in = seconds(2);
  const bool is_scheduled = GENERATE(false, true);
  if (is_scheduled) options.delay = seconds(10);
  const JobId id = d.submit(client, true, options);
  d.pass(seconds(2));
  d.engine().heard(client, d.now());
  d.tick();
  CHECK(d.state_of(id) == JobState::expired);
  CHECK(d.take().done.size() == 1);
  const SessionId consumer = d.consumer(1);
  d.pass(seconds(10));
  d.engine().heard(consumer, d.now());
  CHECK(d.assigned_to(consumer).empty());
  CHECK(d.engine().totals().expired == 1);
}

TEST_CASE("a job of a paused queue expires all the same") {
  EngineDriver d;
  const SessionId client = d.client();
  const SessionId consumer = d.consumer(1);
  d.engine().pause("default", "maintenance", "ops", d.now(), d.effects);
  JobOptions options;
  options.expires_in = seconds(1);
  const JobId id = d.submit(client, true, options);
  CHECK(d.assigned_to(consumer).empty());
  d.pass(seconds(1));
  d.tick();
  CHECK(d.state_of(id) == JobState::expired);
}

TEST_CASE("a failed job is tried again after growing delays, as often as it may be") {
  EngineDriver d;
  const SessionId client = d.client();
  const SessionId consumer = d.consumer(3);
  const JobId id = d.submit(client, true, with_retries(2));
  for (std::uint32_t attempt = 1; attempt <= 3; ++attempt) {
    CHECK(d.assigned_to(consumer) == Attempts{{id, attempt}});
    d.fail(consumer, id, attempt);
    if (attempt == 3) break;
    CHECK(d.state_of(id) == JobState::scheduled);
    CHECK(d.engine().jobs().find(id)->outcome->error.message == "it broke");
    CHECK(d.engine().jobs().find(id)->due == d.now().wall + seconds(attempt));
    d.pass(seconds(attempt));
    d.engine().heard(consumer, d.now());
    d.engine().heard(client, d.now());
  }
  CHECK(d.state_of(id) == JobState::failed);
  CHECK(d.engine().totals().retried == 2);
  CHECK(d.take().done.size() == 1);
}

TEST_CASE("delays between retries grow to their cap and are shortened by their jitter only") {
  RetryPolicy policy;
  policy.delay = seconds(1);
  policy.factor = 3;
  policy.cap = seconds(20);
  policy.jitter = 0;
  const JobId id = Uuid::make();
  CHECK(backoff(policy, id, 1) == seconds(1));
  CHECK(backoff(policy, id, 3) == seconds(9));
  CHECK(backoff(policy, id, 4) == seconds(20));
  CHECK(backoff(policy, id, 4'000'000'000) == seconds(20));
  policy.jitter = 0.5;
  std::set<std::int64_t> seen;
  for (int i = 0; i < 100; ++i) {
    const auto delay = backoff(policy, Uuid::make(), 1);
    CHECK(delay >= milliseconds(500));
    CHECK(delay <= seconds(1));
    seen.insert(delay.count());
  }
  CHECK(seen.size() > 50);
  policy.delay = milliseconds(0);
  CHECK(backoff(policy, id, 4'000'000'000) == seconds(0));
  CHECK(backoff(policy, id, 2) == backoff(policy, id, 2));
}

TEST_CASE("an error that is not worth a retry fails the job at once") {
  EngineDriver d;
  const SessionId client = d.client();
  const SessionId consumer = d.consumer(1);
  const JobId id = d.submit(client, true, with_retries(5));
  d.tick();
  d.fail(consumer, id, 1, ErrorKind::permanent);
  CHECK(d.state_of(id) == JobState::failed);
}

TEST_CASE("a crash uses no retry up, and too many of them fail the job") {
  EngineDriver d;
  const SessionId client = d.client();
  const SessionId consumer = d.consumer(5);
  const JobId id = d.submit(client);
  for (std::uint32_t attempt = 1; attempt <= 3; ++attempt) {
    CHECK(d.state_of(id) == JobState::queued);
    CHECK(d.assigned_to(consumer) == Attempts{{id, attempt}});
    d.fail(consumer, id, attempt, ErrorKind::crash);
  }
  CHECK(d.state_of(id) == JobState::failed);
  CHECK(d.engine().jobs().find(id)->uses.failures == 0);
  CHECK(d.engine().totals().crashed == 3);
}

TEST_CASE("a job whose consumers are lost again and again is failed") {
  EngineOptions options = engine_options();
  options.max_losses = 2;
  EngineDriver d(options);
  const SessionId client = d.client();
  const JobId id = d.submit(client);
  for (int i = 0; i < 2; ++i) {
    const SessionId consumer = d.consumer(1);
    CHECK(d.assigned_to(consumer).size() == 1);
    d.engine().gone(consumer, d.effects);
  }
  CHECK(d.state_of(id) == JobState::failed);
  CHECK(d.engine().jobs().find(id)->outcome->error.type == "zebu::ConsumerLost");
}

TEST_CASE("a job that may run at most once is not repeated, and its start is durable before it is assigned") {
  EngineDriver d;
  const SessionId client = d.client();
  const SessionId consumer = d.consumer(2, 2);
  JobOptions options;
  options.acks_early = true;
  const JobId lost = d.submit(client, true, options);
  const JobId crashed = d.submit(client, true, options);
  d.engine().tick(d.now(), d.effects);
  REQUIRE(d.effects.assigned.size() == 2);
  CHECK(d.effects.assigned[0].batch == d.engine().open_batch());
  d.fail(consumer, crashed, 1, ErrorKind::crash);
  CHECK(d.state_of(crashed) == JobState::failed);
  d.engine().gone(consumer, d.effects);
  // Nobody else may run it, so its consumer has time to come back.
  CHECK(d.state_of(lost) == JobState::running);
  d.pass(3 * engine_options().liveness);
  d.tick();
  CHECK(d.state_of(lost) == JobState::failed);
  CHECK(d.engine().jobs().find(lost)->outcome->error.type == "zebu::ConsumerLost");
}

TEST_CASE("a job that waits for its retry can be cancelled") {
  EngineDriver d;
  const SessionId client = d.client();
  const SessionId consumer = d.consumer(2);
  const JobId id = d.submit(client, true, with_retries(5));
  d.tick();
  d.fail(consumer, id, 1);
  d.take();
  d.engine().cancel(d.client(), {{id}}, d.now(), d.effects);
  CHECK(d.state_of(id) == JobState::cancelled);
  d.pass(seconds(5));
  d.engine().heard(consumer, d.now());
  CHECK(d.assigned_to(consumer).empty());
}

TEST_CASE("a failed attempt of a job that was to be cancelled is not tried again") {
  EngineDriver d;
  const SessionId client = d.client();
  const SessionId consumer = d.consumer(2);
  const JobId id = d.submit(client, true, with_retries(5));
  d.tick();
  d.engine().cancel(d.client(), {{id}}, d.now(), d.effects);
  d.fail(consumer, id, 1);
  CHECK(d.state_of(id) == JobState::cancelled);
}

TEST_CASE("a consumer that does not end a job at its hard limit is told to, and the attempt has failed") {
  EngineDriver d;
  const SessionId client = d.client();
  const SessionId consumer = d.consumer(1);
  JobOptions options;
  options.hard_limit = seconds(1);
  options.retry.max = 1;
  options.retry.delay = seconds(60);
  const JobId id = d.submit(client, true, options);
  CHECK(d.assigned_to(consumer).size() == 1);
  d.take();
  for (int i = 0; i < 4; ++i) {
    d.pass(seconds(1));
    d.engine().heard(consumer, d.now());
    d.tick();
  }
  CHECK(d.state_of(id) == JobState::scheduled);
  const Effects effects = d.take();
  REQUIRE(effects.stopped.size() == 1);
  CHECK(effects.stopped[0].what == AttemptId{id, 1});
  CHECK(d.engine().totals().crashed == 0);
}

TEST_CASE("progress reaches who waits, and the job's report") {
  EngineDriver d;
  const SessionId client = d.client();
  const SessionId consumer = d.consumer(1);
  const JobId id = d.submit(client);
  d.tick();
  d.take();
  d.engine().progress(consumer, {{{id, 1, 0.5, "half", "line 1\n", 0, 1}, {id, 2, 0.9, "", ""}}}, d.effects);
  REQUIRE(d.effects.progressed.size() == 1);
  CHECK(d.effects.progressed[0].session == client);
  d.engine().progress(consumer, {{{id, 1, std::nullopt, "", "line 2\n", 7, 2}}}, d.effects);
  const Progress& progress = *d.engine().jobs().find(id)->progress();
  CHECK(progress.done == 0.5);
  CHECK(progress.note == "half");
  CHECK(progress.output == "line 1\nline 2\n");
}

TEST_CASE("texts of a consumer that are not UTF-8 are mended before anybody gets them") {
  EngineDriver d;
  const SessionId client = d.client();
  const SessionId consumer = d.consumer(1);
  const JobId id = d.submit(client);
  d.tick();
  d.take();
  d.engine().progress(consumer, {{{id, 1, 0.5, "half\xff", "line\xfe\n"}}}, d.effects);
  REQUIRE(d.effects.progressed.size() == 1);
  CHECK(d.effects.progressed[0].what.note == "half\ufffd");
  CHECK(d.effects.progressed[0].what.output == "line\ufffd\n");
  CHECK(d.engine().jobs().find(id)->progress()->note == "half\ufffd");
  d.take();
  const message::Report report{id, 1, JobState::failed, {}, {"Type\xff", "a\xff\xfe", {"f\x80"}, {}}, {}};
  d.engine().outcome(consumer, {0, {report}}, d.now(), d.effects);
  const Effects out = d.take();
  REQUIRE(out.done.size() == 1);
  CHECK(out.done[0].what.outcome->error == TaskError{"Type\ufffd", "a\ufffd\ufffd", {"f\ufffd"}, {}});
  d.engine().pause("default", "why\xff", "ops", d.now(), d.effects);
  CHECK(d.engine().jobs().find_queue("default")->settings.reason == "why\ufffd");
}

TEST_CASE("a paused queue gives nothing out until it is resumed, also after a restart") {
  EngineDriver d;
  SessionId client = d.client();
  d.engine().pause("default", "maintenance", "ops", d.now(), d.effects);
  const JobId id = d.submit(client);
  d.restart();
  CHECK(d.engine().jobs().queues().at("default")->settings.reason == "maintenance");
  const SessionId consumer = d.consumer(1);
  CHECK(d.assigned_to(consumer).empty());
  CHECK(d.engine().resume("default", d.effects));
  CHECK(d.assigned_to(consumer) == Attempts{{id, 1}});
  CHECK_FALSE(d.engine().resume("default", d.effects));
}

TEST_CASE("a failed job stays until it is retried as a new job, once") {
  EngineDriver d;
  const SessionId client = d.client();
  const SessionId consumer = d.consumer(5, 5);
  const JobId id = d.submit(client);
  d.tick();
  d.fail(consumer, id, 1);
  CHECK(d.engine().jobs().queues().at("default")->failed == 1);
  const StoredJob failed = *d.store.find({id})->at(0);
  const JobId fresh = Uuid::make();
  REQUIRE(d.engine().retry(failed, fresh, d.now(), d.effects));
  CHECK_FALSE(d.engine().retry(failed, Uuid::make(), d.now(), d.effects));
  d.settle();
  CHECK(d.engine().jobs().queues().at("default")->failed == 0);
  CHECK_FALSE(d.store.find({id})->at(0));
  d.take();
  CHECK(d.assigned_to(consumer) == Attempts{{fresh, 1}});
}

TEST_CASE("a failed job may be submitted once more and forgotten in one breath") {
  EngineDriver d;
  const SessionId consumer = d.consumer(5, 5);
  const JobId id = d.submit(d.client());
  d.tick();
  d.fail(consumer, id, 1, ErrorKind::permanent);
  const StoredJob failed = *d.store.find({id})->at(0);
  d.restart();
  const SessionId client = d.client();
  d.engine().submit(client, {false, {{id, "fib", "default", "\x91\x1e", {}}}}, d.now(), d.effects);
  REQUIRE(d.engine().forget_failed(failed, d.effects));
  const Effects told = d.take();
  REQUIRE(told.accepted.size() == 1);
  CHECK(told.accepted.front().id == id);
  CHECK(d.engine().jobs().in_memory().empty());
  CHECK(d.engine().jobs().queues().empty());
  CHECK_FALSE(d.store.find({id})->at(0));
}

TEST_CASE("after a restart a job waits for its consumer to come back, and runs on there") {
  EngineDriver d;
  const InstanceId instance = Uuid::make();
  SessionId client = d.client();
  SessionId consumer = d.consumer(2, 2, instance);
  const JobId recorded = d.submit(client);
  d.tick();
  d.pass(milliseconds(20));
  d.tick();
  const JobId fresh = d.submit(client);  // its start is not recorded yet
  CHECK(d.assigned_to(consumer).size() == 2);
  d.restart();
  CHECK(d.engine().is_waiting_for_consumers());
  CHECK(d.state_of(recorded) == JobState::running);
  const SessionId other = d.consumer(2, 2);
  CHECK(d.assigned_to(other).empty());
  consumer = d.consumer(0, 2, instance, {{recorded, 1}, {fresh, 1}});
  CHECK(d.state_of(recorded) == JobState::running);
  CHECK(d.state_of(fresh) == JobState::running);
  CHECK(d.assigned_to(other).empty());
  CHECK_FALSE(d.engine().is_waiting_for_consumers());
  d.outcome(consumer, recorded, 1);
  d.outcome(consumer, fresh, 1);
  CHECK(d.state_of(recorded) == JobState::succeeded);
  CHECK(d.state_of(fresh) == JobState::succeeded);
  CHECK(d.take().stopped.empty());
}

TEST_CASE("a job whose consumer does not come back after a restart runs elsewhere") {
  EngineDriver d;
  SessionId client = d.client();
  d.consumer(1);
  const JobId id = d.submit(client);
  d.tick();
  d.pass(milliseconds(20));
  d.tick();
  d.restart();
  const SessionId other = d.consumer(1);
  CHECK(d.assigned_to(other).empty());
  d.pass(seconds(3));
  d.engine().heard(other, d.now());
  CHECK(d.assigned_to(other).empty());  // that the first one was given up is to be durable before
  CHECK(d.assigned_to(other) == Attempts{{id, 2}});
}

}  // namespace zebu::broker
