#include "tests/support/catch.h"
#include "tests/support/engine_driver.h"

#include <algorithm>

// The engine's own time goes like the steady clock; only what was named by the wall clock follows that.
namespace zebu::broker {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using zebu::test::EngineDriver;

namespace {

void set_clock(EngineDriver& d, milliseconds ahead) {
  d.engine().clock_is_ahead(ahead, d.effects);
  d.tick();
}

// The broker listens, and everybody is heard.
void wait(EngineDriver& d, milliseconds time) {
  for (milliseconds passed{0}; passed < time; passed += milliseconds(500)) {
    d.pass(std::min(milliseconds(500), time - passed));
    for (const auto& [session, each] : d.engine().sessions()) d.engine().heard(session, d.now());
    d.tick();
  }
}

JobState state_in_store(EngineDriver& d, const JobId& id) {
  d.settle();
  return d.store.find({id})->front()->state;
}

}  // namespace

TEST_CASE("a step of the wall clock moves no delay, retry, limit or expiry") {
  const milliseconds step = GENERATE(milliseconds(hours(1)), milliseconds(-hours(24)), milliseconds(hours(400'000)));
  EngineDriver d;
  const SessionId client = d.client();
  JobOptions delayed, limited, expiring, retried;
  delayed.delay = seconds(2);
  limited.hard_limit = seconds(10);
  expiring.expires_in = seconds(2);
  retried.retry.max = 1;
  retried.retry.delay = seconds(2);
  retried.retry.jitter = 0;
  const SessionId consumer = d.consumer(2, 2);
  const JobId runs = d.submit(client, true, limited);
  const JobId fails = d.submit(client, true, retried);
  d.tick();
  d.fail(consumer, fails, 1);
  const JobId waits = d.submit(client, true, delayed);
  const JobId expires = d.submit(client, true, expiring, "nobody's");
  set_clock(d, step);
  CHECK(d.state_of(runs) == JobState::running);
  CHECK(d.state_of(waits) == JobState::scheduled);
  CHECK(d.state_of(fails) == JobState::scheduled);
  CHECK(d.state_of(expires) == JobState::queued);
  wait(d, milliseconds(1900));
  CHECK(d.state_of(waits) == JobState::scheduled);
  CHECK(d.state_of(expires) == JobState::queued);
  wait(d, milliseconds(200));
  CHECK(d.state_of(waits) != JobState::scheduled);
  CHECK(d.state_of(fails) != JobState::scheduled);
  CHECK(d.state_of(expires) == JobState::expired);
  CHECK(d.state_of(runs) == JobState::running);
  // Until its limit, and a liveness time more.
  wait(d, seconds(11));
  CHECK(d.state_of(runs) != JobState::succeeded);
}

TEST_CASE("run_at and expires_at follow the wall clock, in memory and in the store") {
  EngineOptions options = test::engine_options();
  options.window = GENERATE(std::uint64_t{2}, std::uint64_t{1000});
  EngineDriver d(options);
  const SessionId client = d.client();
  const WallTime start = d.now().wall;
  JobOptions at, until, delayed;
  at.run_at = start + hours(1);
  until.expires_at = start + hours(1);
  delayed.delay = hours(1);
  std::vector<JobId> timed, relative, expiring;
  for (int i = 0; i < 10; ++i) {
    timed.push_back(d.submit(client, true, at));
    relative.push_back(d.submit(client, true, delayed));
    expiring.push_back(d.submit(client, true, until, "nobody's"));
  }
  wait(d, seconds(2));
  SECTION("forward: it is that time now") {
    set_clock(d, hours(2));
    wait(d, seconds(5));
    for (const JobId& id : timed) CHECK(state_in_store(d, id) == JobState::queued);
    for (const JobId& id : relative) CHECK(state_in_store(d, id) == JobState::scheduled);
    for (const JobId& id : expiring) CHECK(state_in_store(d, id) == JobState::expired);
  }
  SECTION("back: it takes longer") {
    set_clock(d, -hours(2));
    d.pass(hours(1));
    wait(d, seconds(5));
    for (const JobId& id : timed) CHECK(state_in_store(d, id) == JobState::scheduled);
    for (const JobId& id : relative) CHECK(state_in_store(d, id) == JobState::queued);
    for (const JobId& id : expiring) CHECK(state_in_store(d, id) == JobState::queued);
    SECTION("and a restart changes nothing") {
      d.restart();
      CHECK(d.engine().jobs().clock_ahead() == -hours(2));
      wait(d, seconds(5));
      for (const JobId& id : timed) CHECK(state_in_store(d, id) == JobState::scheduled);
    }
    d.pass(hours(2));
    wait(d, seconds(15));
    for (const JobId& id : timed) CHECK(state_in_store(d, id) == JobState::queued);
    for (const JobId& id : expiring) CHECK(state_in_store(d, id) == JobState::expired);
  }
}

TEST_CASE("what is submitted while the wall clock is ahead is due by that clock") {
  EngineOptions options = test::engine_options();
  options.window = GENERATE(std::uint64_t{2}, std::uint64_t{1000});
  EngineDriver d(options);
  const SessionId client = d.client();
  const milliseconds ahead = GENERATE(milliseconds(hours(5)), milliseconds(-hours(5)));
  set_clock(d, ahead);
  JobOptions at, past, expired;
  at.run_at = d.now().wall + ahead + seconds(10);
  past.run_at = d.now().wall + ahead - seconds(10);
  expired.expires_at = d.now().wall + ahead - seconds(1);
  std::vector<JobId> timed;
  for (int i = 0; i < 5; ++i) timed.push_back(d.submit(client, true, at));
  CHECK(d.state_of(d.submit(client, true, past)) == JobState::queued);
  d.tick();
  const JobId late = d.submit(client, true, expired);
  d.tick();
  CHECK(state_in_store(d, late) == JobState::expired);
  wait(d, seconds(9));
  for (const JobId& id : timed) CHECK(state_in_store(d, id) == JobState::scheduled);
  wait(d, seconds(3));
  for (const JobId& id : timed) CHECK(state_in_store(d, id) == JobState::queued);
}

TEST_CASE("a unique key that is held while its job is queued stays with a job that gets another time") {
  EngineDriver d;
  const SessionId client = d.client();
  JobOptions at;
  at.run_at = d.now().wall + hours(1);
  at.unique = "key";
  at.unique_while = UniqueWhile::queued;
  const JobId first = d.submit(client, true, at);
  set_clock(d, -hours(1));
  d.take();
  const JobId second = d.submit(client, true, at);
  const Effects effects = d.take();
  REQUIRE(effects.attached.size() == 1);
  CHECK(effects.attached[0].what.id == second);
  CHECK(effects.attached[0].what.to == first);
}

}  // namespace zebu::broker
