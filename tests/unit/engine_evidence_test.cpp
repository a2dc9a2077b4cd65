#include "tests/support/catch.h"
#include "tests/support/engine_driver.h"

#include <algorithm>

// When a consumer counts as lost, what its jobs have to do with it, and how that is taken back.
namespace zebu::broker {

using std::chrono::milliseconds;
using std::chrono::seconds;
using zebu::test::EngineDriver;

namespace {

using Attempts = std::vector<AttemptId>;

const Job& job_in(EngineDriver& d, const JobId& id) {
  d.settle();
  return *d.engine().jobs().find(id);
}

JobOptions early() {
  JobOptions options;
  options.acks_early = true;
  return options;
}

// Lets the broker listen for `time` and hear nobody.
void listen(EngineDriver& d, milliseconds time) {
  for (milliseconds passed{0}; passed < time; passed += seconds(1)) {
    d.pass(std::min<milliseconds>(seconds(1), time - passed));
    d.tick();
  }
}

}  // namespace

// ── slow links
// ─────────────────────────────────────────────────────────────────────────────────────────────────────────

TEST_CASE("a hard limit does not count the time that a job takes to its consumer, nor its outcome's way back") {
  EngineDriver d;
  const SessionId client = d.client();
  const SessionId consumer = d.consumer(1);
  JobOptions limited;
  limited.hard_limit = seconds(2);
  const JobId id = d.submit(client, true, limited);
  REQUIRE(d.assigned_to(consumer) == Attempts{{id, 1}});
  const auto pass = [&](milliseconds time) {
    for (milliseconds passed{0}; passed < time; passed += milliseconds(500)) {
      d.pass(milliseconds(500));
      d.engine().heard(consumer, d.now());
      d.tick();
    }
  };
  // Its arguments travel for a minute.
  d.engine().set_behind(consumer, true, d.now());
  pass(seconds(60));
  d.engine().set_behind(consumer, false, d.now());
  pass(seconds(4));
  CHECK(d.state_of(id) == JobState::running);
  SECTION("its result travels for a minute") {
    d.engine().set_sending(consumer, true);
    pass(seconds(60));
    CHECK(d.state_of(id) == JobState::running);
    d.engine().set_sending(consumer, false);
    d.outcome(consumer, id, 1);
    CHECK(d.state_of(id) == JobState::succeeded);
  }
  SECTION("its consumer does not end it") {
    pass(seconds(2));
    CHECK(d.state_of(id) == JobState::failed);
  }
  SECTION("its result has come, and is being stored") {
    d.engine().has_outcome(id);
    pass(seconds(60));
    CHECK(d.state_of(id) == JobState::running);
    d.outcome(consumer, id, 1);
    CHECK(d.state_of(id) == JobState::succeeded);
  }
}

// ── broken connections ──────────────────────────────────────────────────────────────────────────────────────────────

TEST_CASE("a broken connection is not a death: the consumer keeps its jobs, and gets nothing new") {
  EngineDriver d;
  const SessionId client = d.client();
  const InstanceId instance = Uuid::make();
  const SessionId first = d.consumer(3, 3, instance);
  const JobId id = d.submit(client);
  const JobId atmost_once = d.submit(client, true, early());
  REQUIRE(d.assigned_to(first) == Attempts{{id, 1}, {atmost_once, 1}});
  d.engine().cut_off(first, d.effects);
  const JobId later = d.submit(client);
  const SessionId other = d.consumer(5, 5);
  CHECK(d.assigned_to(other) == Attempts{{later, 1}});
  CHECK(d.take().ended.empty());

  const SessionId back = d.consumer(0, 3, instance, {{id, 1}, {atmost_once, 1}});
  d.outcome(back, id, 1);
  d.outcome(back, atmost_once, 1);
  for (const JobId& each : {id, atmost_once}) {
    CHECK(d.state_of(each) == JobState::succeeded);
    CHECK(job_in(d, each).uses == Uses{1, 0, 0, 0});
  }
  CHECK(d.engine().totals().put_back == 0);
  CHECK(d.engine().totals().lost_sessions == 0);
}

TEST_CASE("a cut off consumer that does not come back is lost when it was silent for the liveness time") {
  EngineDriver d;
  const SessionId first = d.consumer(1);
  const JobId id = d.submit(d.client());
  REQUIRE(d.assigned_to(first).size() == 1);
  d.engine().cut_off(first, d.effects);
  listen(d, seconds(3));
  CHECK(d.state_of(id) == JobState::running);
  listen(d, seconds(1));
  CHECK(d.state_of(id) == JobState::queued);
  CHECK(d.engine().totals().put_back == 1);
}

TEST_CASE("a client whose connection is broken loses nothing but its session") {
  EngineDriver d;
  const SessionId client = d.client();
  d.engine().cut_off(client, d.effects);
  CHECK(d.take().ended == std::vector<SessionId>{client});
}

TEST_CASE("a consumer that was told to drain over a broken connection is told again") {
  EngineDriver d;
  const InstanceId instance = Uuid::make();
  const SessionId first = d.consumer(1, 1, instance);
  d.take();
  CHECK(d.engine().drain_consumers("consumer", d.effects) == 1);
  d.engine().cut_off(first, d.effects);
  d.take();
  const SessionId back = d.consumer(1, 1, instance);
  CHECK(d.take().draining == std::vector<SessionId>{back});
}

// ── the broker's own pauses ─────────────────────────────────────────────────────────────────────────────────────────

TEST_CASE("what a broker misses while it is stopped is nobody's silence") {
  EngineDriver d;
  JobOptions limited;
  limited.hard_limit = seconds(2);
  const SessionId client = d.client();
  const SessionId consumer = d.consumer(3, 3);
  const JobId id = d.submit(client);
  const JobId has_limit = d.submit(client, true, limited);
  REQUIRE(d.assigned_to(consumer).size() == 2);
  const auto pause = GENERATE(milliseconds(2900), milliseconds(60'000));
  d.stop_for(pause);
  d.pass(milliseconds(1));
  d.tick();
  CHECK(d.state_of(id) == JobState::running);
  // Its outcome is on its way; that the broker did not read it is not the consumer's fault.
  CHECK(d.state_of(has_limit) == JobState::running);
  listen(d, seconds(2));
  d.engine().heard(consumer, d.now());
  d.outcome(consumer, has_limit, 1);
  d.outcome(consumer, id, 1);
  CHECK(d.state_of(id) == JobState::succeeded);
  CHECK(d.state_of(has_limit) == JobState::succeeded);
  CHECK(d.engine().totals().put_back == 0);
}

// ── taken back ──────────────────────────────────────────────────────────────────────────────────────────────────────

TEST_CASE("a claim that is honoured leaves no trace, however often and before or after a restart") {
  EngineDriver d;
  const InstanceId instance = Uuid::make();
  const SessionId client = d.client();
  const SessionId first = d.consumer(2, 2, instance);
  std::vector<JobId> ids{d.submit(client)};
  if (GENERATE(false, true)) ids.push_back(d.submit(client));  // then both are suspects
  REQUIRE(d.assigned_to(first).size() == ids.size());
  const WallTime started = job_in(d, ids[0]).started;
  SessionId session = first;
  Attempts runs;
  for (const JobId& id : ids) runs.push_back({id, 1});
  const bool restarts = GENERATE(false, true);
  for (int stalls = 0; stalls < 12; ++stalls) {  // more often than a job may be lost
    listen(d, seconds(4));
    CHECK(d.state_of(ids[0]) == JobState::queued);
    session = d.consumer(0, 2, instance, runs);
    d.settle();
    REQUIRE(d.state_of(ids[0]) == JobState::running);
    if (!restarts) continue;
    d.restart();
    session = d.consumer(0, 2, instance, runs);
  }
  for (const JobId& id : ids) {
    CHECK(job_in(d, id).uses == Uses{1, 0, 0, 0});
    CHECK(job_in(d, id).started == started);
    CHECK_FALSE(job_in(d, id).attempts());
    CHECK_FALSE(job_in(d, id).is_suspect());
    d.outcome(session, id, 1);
    CHECK(d.state_of(id) == JobState::succeeded);
    CHECK(d.store.find({id})->front()->uses == Uses{1, 0, 0, 0});
  }
}

TEST_CASE("a job that may run at most once waits for its lost consumer, which may end it still") {
  EngineDriver d;
  const InstanceId instance = Uuid::make();
  const SessionId first = d.consumer(1, 1, instance);
  const JobId id = d.submit(d.client(), true, early());
  REQUIRE(d.assigned_to(first).size() == 1);
  listen(d, seconds(5));
  CHECK(d.state_of(id) == JobState::running);
  if (GENERATE(false, true)) d.restart();
  const SessionId back = d.consumer(0, 1, instance, {{id, 1}});
  d.outcome(back, id, 1);
  CHECK(d.state_of(id) == JobState::succeeded);
  listen(d, seconds(20));
  CHECK(d.state_of(id) == JobState::succeeded);
}

TEST_CASE("a limit goes on counting while a consumer is away") {
  EngineDriver d;
  JobOptions limited;
  limited.hard_limit = seconds(20);
  const InstanceId instance = Uuid::make();
  const SessionId first = d.consumer(1, 1, instance);
  const JobId id = d.submit(d.client(), true, limited);
  REQUIRE(d.assigned_to(first).size() == 1);
  const WallTime end = job_in(d, id).deadline;
  listen(d, seconds(5));
  static_cast<void>(d.consumer(0, 1, instance, {{id, 1}}));
  CHECK(job_in(d, id).deadline == end);
}

// ── suspects ────────────────────────────────────────────────────────────────────────────────────────────────────────

TEST_CASE("a consumer that is lost with one job charges that one") {
  EngineDriver d;
  const SessionId consumer = d.consumer(1);
  const JobId id = d.submit(d.client());
  REQUIRE(d.assigned_to(consumer).size() == 1);
  d.engine().gone(consumer, d.effects);
  CHECK(job_in(d, id).uses.losses == 1);
}

TEST_CASE("of several jobs that were lost together none is charged until the guilty one is found") {
  EngineOptions options = test::engine_options();
  options.max_losses = 3;
  EngineDriver d(options);
  const SessionId client = d.client();
  std::vector<JobId> ids;
  for (int i = 0; i < 4; ++i) ids.push_back(d.submit(client));
  const JobId poison = ids[2];
  std::size_t consumers = 0;
  // Whoever has the poison job dies at once; the others end when nothing else happens.
  while (d.state_of(ids[3]) != JobState::succeeded || !is_final(d.state_of(poison))) {
    REQUIRE(++consumers < 30);
    const SessionId consumer = d.consumer(4, 4);
    Attempts running = d.assigned_to(consumer);
    const auto has_poison = [&] {
      return std::any_of(running.begin(), running.end(), [&](const AttemptId& a) { return a.job == poison; });
    };
    while (!running.empty() && !has_poison()) {
      for (const AttemptId& each : running) d.outcome(consumer, each.job, each.attempt, JobState::succeeded, 1);
      running = d.assigned_to(consumer);
    }
    d.engine().gone(consumer, d.effects);
  }
  for (const JobId& id : ids) {
    CHECK(d.state_of(id) == (id == poison ? JobState::failed : JobState::succeeded));
    if (id != poison) CHECK(job_in(d, id).uses.losses == 0);
  }
  CHECK(job_in(d, poison).uses.losses == 3);
  CHECK(consumers <= 6);
}

TEST_CASE("other work runs beside a suspect, and a consumer has one suspect at a time") {
  EngineDriver d;
  const SessionId client = d.client();
  const SessionId lost = d.consumer(3, 3);
  const JobId first = d.submit(client);
  const JobId second = d.submit(client);
  const JobId third = d.submit(client);
  REQUIRE(d.assigned_to(lost).size() == 3);
  d.engine().gone(lost, d.effects);
  const JobId other = d.submit(client);
  const SessionId one = d.consumer(3, 3);
  const SessionId two = d.consumer(3, 3);
  d.take();
  d.tick();
  std::vector<std::size_t> suspects;
  for (const SessionId session : {one, two}) {
    const auto& running = d.engine().sessions().at(session).consumer->running;
    suspects.push_back(static_cast<std::size_t>(
        std::count_if(running.begin(), running.end(), [](const Job& each) { return each.is_suspect(); })));
  }
  CHECK(suspects == std::vector<std::size_t>{1, 1});
  CHECK(d.state_of(other) == JobState::running);
  CHECK(d.state_of(third) == JobState::queued);
  // One that ends is cleared, and the next one has its turn.
  d.outcome(*job_in(d, first).session, first, 2);
  d.tick();
  CHECK(d.state_of(third) == JobState::running);
  CHECK(d.state_of(second) == JobState::running);
}

TEST_CASE("a suspect that has run for longer than when its consumer was lost is one no more") {
  EngineDriver d;
  const SessionId client = d.client();
  const SessionId lost = d.consumer(2, 2);
  const JobId first = d.submit(client);
  const JobId second = d.submit(client);
  REQUIRE(d.assigned_to(lost).size() == 2);
  // They ran for two seconds, as far as the broker knows, and it took four to see that their consumer is gone.
  d.pass(seconds(2));
  d.engine().heard(lost, d.now());
  listen(d, seconds(4));
  const SessionId other = d.consumer(2, 2);
  const auto live = [&](milliseconds time) {
    for (milliseconds passed{0}; passed < time; passed += milliseconds(500)) {
      d.pass(milliseconds(500));
      d.engine().heard(other, d.now());
      d.tick();
    }
  };
  d.tick();
  CHECK(d.state_of(first) == JobState::running);
  live(milliseconds(2500));
  CHECK(job_in(d, first).is_suspect());
  CHECK(d.state_of(second) == JobState::queued);
  live(milliseconds(500));
  CHECK_FALSE(job_in(d, first).is_suspect());
  CHECK(d.state_of(second) == JobState::running);
  CHECK(job_in(d, second).is_suspect());
}

TEST_CASE("suspects can be purged, cancelled and paused like other jobs, and are in their queue's counts") {
  EngineDriver d;
  const SessionId client = d.client();
  const SessionId lost = d.consumer(3, 3);
  std::vector<JobId> ids;
  for (int i = 0; i < 3; ++i) ids.push_back(d.submit(client));
  REQUIRE(d.assigned_to(lost).size() == 3);
  d.engine().gone(lost, d.effects);
  d.engine().pause("default", "", "me", d.now(), d.effects);
  CHECK(d.engine().jobs().find_queue("default")->queued == 3);
  const SessionId consumer = d.consumer(3, 3);
  CHECK(d.assigned_to(consumer).empty());
  d.engine().cancel(client, {{ids[0]}}, d.now(), d.effects);
  CHECK(d.state_of(ids[0]) == JobState::cancelled);
  static_cast<void>(d.engine().purge("default", d.now(), d.effects));
  d.tick();
  CHECK(d.state_of(ids[1]) == JobState::cancelled);
  CHECK(d.state_of(ids[2]) == JobState::cancelled);
  CHECK(d.engine().jobs().find_queue("default")->queued == 0);
}

}  // namespace zebu::broker
