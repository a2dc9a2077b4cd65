#include "tests/support/catch.h"
#include "tests/support/engine_driver.h"

#include <algorithm>

// A consumer that comes back and names what it has. The simulation found each of these.
namespace zebu::broker {

using zebu::test::engine_options;
using zebu::test::EngineDriver;

namespace {

bool is_stopped(const Effects& effects, SessionId session, const AttemptId& attempt) {
  return std::any_of(effects.stopped.begin(), effects.stopped.end(),
                     [&](const auto& stop) { return stop.session == session && stop.what == attempt; });
}

}  // namespace

TEST_CASE("an outcome that a consumer sends again after a reconnection counts once") {
  EngineDriver d;
  const InstanceId instance = Uuid::make();
  const SessionId consumer = d.consumer(1, 1, instance);
  const JobId id = d.submit(d.client());
  REQUIRE(d.assigned_to(consumer).size() == 1);
  d.fail(consumer, id, 1, ErrorKind::crash);
  if (GENERATE(false, true)) d.restart();
  const SessionId again = d.consumer(0, 1, instance, {{id, 1}});
  CHECK(is_stopped(d.take(), again, {id, 1}));
  d.fail(again, id, 1, ErrorKind::crash);
  CHECK(d.state_of(id) == JobState::queued);
  CHECK(d.engine().jobs().find(id)->uses.crashes == 1);
}

TEST_CASE("a consumer that gave an attempt back cannot claim the previous one, which has ended") {
  EngineDriver d;
  const InstanceId instance = Uuid::make();
  const SessionId consumer = d.consumer(2, 1, instance);
  const JobId id = d.submit(d.client());
  d.tick();
  d.fail(consumer, id, 1, ErrorKind::crash);
  d.tick();
  d.pass(std::chrono::milliseconds(30));
  d.tick();  // the start of attempt 2 is recorded
  d.engine().give_back(consumer, {0, {{id, 2}}}, d.now(), d.effects);
  d.settle();
  if (GENERATE(false, true)) d.restart();
  const SessionId again = d.consumer(0, 1, instance, {{id, 1}});
  CHECK(is_stopped(d.take(), again, {id, 1}));
}

TEST_CASE("an outcome that is said again is confirmed when the first one is durable") {
  EngineDriver d;
  const InstanceId instance = Uuid::make();
  const SessionId consumer = d.consumer(1, 1, instance);
  const JobId id = d.submit(d.client());
  REQUIRE(d.assigned_to(consumer).size() == 1);
  const message::OutcomeReport report{0, {{id, 1, JobState::succeeded, "\x08", {}, {}}}};
  d.engine().outcome(consumer, report, d.now(), d.effects);
  const SessionId again = d.consumer(0, 1, instance, {{id, 1}});
  d.engine().outcome(again, report, d.now(), d.effects);
  CHECK(d.effects.kept.empty());
  const Effects later = d.take();  // after the commit
  REQUIRE(later.kept.size() == 1);
  CHECK(later.kept.front().session == again);
  CHECK(later.kept.front().count == 1);
}

TEST_CASE("an attempt that was given up after a restart is not taken for the newer one with its number") {
  EngineDriver d;
  const InstanceId older = Uuid::make(), newer = Uuid::make();
  const SessionId first = d.consumer(1, 1, older);
  const JobId id = d.submit(d.client());
  REQUIRE(d.assigned_to(first) == std::vector<AttemptId>{{id, 1}});
  d.restart();  // before the start was recorded; and the consumer stays away
  const SessionId second = d.consumer(1, 1, newer);
  d.pass(std::chrono::seconds(4));
  d.engine().heard(second, d.now());
  d.tick();  // that the first one was given up is durable before anything is assigned
  REQUIRE(d.assigned_to(second) == std::vector<AttemptId>{{id, 1}});
  d.restart();
  const SessionId back = d.consumer(0, 1, older, {{id, 1}});
  CHECK(is_stopped(d.take(), back, {id, 1}));
  const SessionId holder = d.consumer(0, 1, newer, {{id, 1}});
  CHECK_FALSE(is_stopped(d.take(), holder, {id, 1}));
  d.outcome(holder, id, 1);
  CHECK(d.state_of(id) == JobState::succeeded);
}

TEST_CASE("a late consumer keeps only recorded attempts, and all of its later starts are recorded") {
  EngineDriver d;
  const InstanceId older = Uuid::make(), newer = Uuid::make();
  const SessionId first = d.consumer(1, 1, older);
  const JobId id = d.submit(d.client());
  REQUIRE(d.assigned_to(first).size() == 1);
  d.restart();
  const SessionId second = d.consumer(1, 1, newer);
  d.pass(std::chrono::seconds(4));
  d.engine().heard(second, d.now());
  d.tick();
  REQUIRE(d.assigned_to(second) == std::vector<AttemptId>{{id, 1}});
  const SessionId late = d.consumer(1, 1, older, {{id, 1}});
  CHECK(is_stopped(d.take(), late, {id, 1}));
  const JobId another = d.submit(d.client());
  REQUIRE(d.assigned_to(late) == std::vector<AttemptId>{{another, 1}});
  d.restart();  // before it heard STOP
  const SessionId again = d.consumer(0, 1, older, {{id, 1}, {another, 1}});
  const Effects told = d.take();
  CHECK(is_stopped(told, again, {id, 1}));
  CHECK_FALSE(is_stopped(told, again, {another, 1}));
  const SessionId holder = d.consumer(0, 1, newer, {{id, 1}});
  CHECK_FALSE(is_stopped(d.take(), holder, {id, 1}));
}

TEST_CASE("a job's attempts go on from the newest that anybody named") {
  EngineDriver d;
  const JobId id = Uuid::make();
  const SessionId one = d.consumer(1, 1, Uuid::make(), {{id, 2}});
  const SessionId two = d.consumer(0, 1, Uuid::make(), {{id, 1}});
  const Effects told = d.take();
  CHECK(is_stopped(told, one, {id, 2}));
  CHECK(is_stopped(told, two, {id, 1}));
  d.engine().submit(d.client(), {true, {{id, "fib", "default", "\x91\x1e", {}}}}, d.now(), d.effects);
  CHECK(d.assigned_to(one) == std::vector<AttemptId>{{id, 3}});
}

TEST_CASE(
    "a lost consumer cannot claim a job that was assigned to another one, whether or not the broker was restarted") {
  EngineDriver d;
  const InstanceId older = Uuid::make(), newer = Uuid::make();
  const SessionId first = d.consumer(1, 1, older);
  const JobId id = d.submit(d.client());
  REQUIRE(d.assigned_to(first).size() == 1);
  d.engine().gone(first, d.effects);
  const SessionId second = d.consumer(1, 1, newer);
  REQUIRE(d.assigned_to(second) == std::vector<AttemptId>{{id, 2}});
  if (GENERATE(false, true)) d.restart();
  const SessionId back = d.consumer(0, 1, older, {{id, 1}});
  CHECK(is_stopped(d.take(), back, {id, 1}));
}

TEST_CASE("a job that is submitted again when it was lost or forgotten is not ended by what was left of it") {
  EngineDriver d;
  JobOptions options;
  options.transient = GENERATE(false, true);
  const JobId id = Uuid::make();
  // Its consumer has it from the broker before, which has forgotten it.
  const SessionId consumer = d.consumer(1, 1, Uuid::make(), {{id, 1}});
  CHECK(is_stopped(d.take(), consumer, {id, 1}));
  d.engine().submit(d.client(), {true, {{id, "fib", "default", "\x91\x1e", options}}}, d.now(), d.effects);
  const bool has_ended = GENERATE(false, true);
  if (has_ended) d.outcome(consumer, id, 1, JobState::cancelled);
  REQUIRE(d.assigned_to(consumer) == std::vector<AttemptId>{{id, 2}});
  if (!has_ended) d.outcome(consumer, id, 1, JobState::cancelled);
  CHECK(d.state_of(id) == JobState::running);
  d.outcome(consumer, id, 2);
  CHECK(d.state_of(id) == JobState::succeeded);
}

TEST_CASE("a claim waits for the store when the job was submitted again while it was looked for") {
  EngineDriver d;
  const JobId id = Uuid::make();
  const SessionId consumer = d.consumer(1, 1, Uuid::make(), {{id, 1}});
  REQUIRE(d.effects.reads.size() == 1);
  const ReadAnswer answer = *perform(d.store, std::exchange(d.effects.reads, {}).front());
  d.engine().submit(d.client(), {true, {{id, "fib", "default", "\x91\x1e", {}}}}, d.now(), d.effects);
  d.engine().answered(answer, d.now(), d.effects);
  CHECK(d.effects.stopped.empty());
  CHECK(d.effects.welcomed.size() == 1);  // the client
  const Effects later = d.take();
  CHECK(is_stopped(later, consumer, {id, 1}));  // of an earlier job with this id
  CHECK(std::count(later.welcomed.begin(), later.welcomed.end(), consumer) == 1);
  REQUIRE(d.assigned_to(consumer) == std::vector<AttemptId>{{id, 2}});
  d.outcome(consumer, id, 1, JobState::cancelled);
  CHECK(d.state_of(id) == JobState::running);
}

TEST_CASE("a late outcome of a forgotten job does not end a new job with its id, over reconnections and restarts") {
  EngineDriver d;
  const InstanceId instance = Uuid::make();
  const JobId id = Uuid::make();
  const SessionId consumer = d.consumer(1, 1, instance, {{id, 5}});
  CHECK(is_stopped(d.take(), consumer, {id, 5}));
  const SessionId client = d.client();
  d.engine().submit(client, {true, {{id, "fib", "default", "\x91\x1e", {}}}}, d.now(), d.effects);
  if (GENERATE(false, true)) {  // the note of it goes with its session
    d.settle();
    d.engine().gone(consumer, d.effects);
  } else {
    REQUIRE(d.assigned_to(consumer) == std::vector<AttemptId>{{id, 6}});
    d.restart();
  }
  const SessionId again = d.consumer(0, 1, instance, {{id, 5}});
  CHECK(is_stopped(d.take(), again, {id, 5}));
  d.outcome(again, id, 5, JobState::cancelled);
  CHECK_FALSE(is_final(d.state_of(id)));
}

TEST_CASE("a consumer is welcomed when it is known which of its jobs are still its") {
  EngineDriver d;
  const JobId unknown = Uuid::make();
  const SessionId consumer = d.consumer(0, 1, Uuid::make(), {{unknown, 1}});
  CHECK(d.effects.welcomed.empty());
  CHECK(d.effects.stopped.empty());
  const Effects later = d.take();  // the store has been asked
  CHECK(later.welcomed == std::vector<SessionId>{consumer});
  CHECK(is_stopped(later, consumer, {unknown, 1}));
}

TEST_CASE("a consumer gets no job before a restarted broker would wait for it") {
  EngineDriver d;
  const JobId id = d.submit(d.client());
  const SessionId consumer = d.consumer(1);
  d.engine().tick(d.now(), d.effects);  // its record is not durable yet
  CHECK(d.effects.assigned.empty());
  CHECK(d.assigned_to(consumer) == std::vector<AttemptId>{{id, 1}});
}

TEST_CASE("an attempt that a broker before had stopped at its limit does not make its job a cancelled one") {
  EngineDriver d;
  const InstanceId instance = Uuid::make();
  JobOptions limited;
  limited.hard_limit = std::chrono::seconds(1);
  const SessionId consumer = d.consumer(1, 1, instance);
  const JobId id = d.submit(d.client(), true, limited);
  REQUIRE(d.assigned_to(consumer).size() == 1);
  d.pass(std::chrono::seconds(1));
  d.engine().heard(consumer, d.now());
  d.tick();  // its start is recorded
  for (int i = 0; i < 4; ++i) {
    d.pass(std::chrono::seconds(1));
    d.engine().heard(consumer, d.now());
    d.engine().tick(d.now(), d.effects);
  }
  CHECK(is_stopped(d.effects, consumer, {id, 1}));
  d.restart();  // before that is written
  const SessionId again = d.consumer(0, 1, instance, {{id, 1}});
  d.outcome(again, id, 1, JobState::cancelled);
  CHECK(d.state_of(id) == JobState::queued);
  CHECK(d.engine().jobs().find(id)->uses.losses == 1);
}

TEST_CASE("a cancel holds over a restart, whether or not the consumer comes back") {
  EngineDriver d;
  const InstanceId instance = Uuid::make();
  const SessionId consumer = d.consumer(1, 1, instance);
  const JobId id = d.submit(d.client());
  REQUIRE(d.assigned_to(consumer).size() == 1);
  d.engine().cancel(d.client(), {{id}}, d.now(), d.effects);
  CHECK(is_stopped(d.take(), consumer, {id, 1}));
  d.restart();
  if (GENERATE(true, false)) {
    const SessionId again = d.consumer(0, 1, instance, {{id, 1}});
    CHECK(is_stopped(d.take(), again, {id, 1}));
    CHECK(d.state_of(id) == JobState::running);
    d.outcome(again, id, 1, JobState::cancelled);
  } else {
    d.pass(std::chrono::seconds(4));
    d.tick();
  }
  CHECK(d.state_of(id) == JobState::cancelled);
}

}  // namespace zebu::broker
