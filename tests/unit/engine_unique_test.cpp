#include "tests/support/catch.h"
#include "tests/support/engine_driver.h"

#include <algorithm>

// Jobs with unique keys.
namespace zebu::broker {

using std::chrono::seconds;
using zebu::test::EngineDriver;

namespace {

JobOptions with_key(std::string key) {
  JobOptions options;
  options.unique = std::move(key);
  return options;
}

}  // namespace

TEST_CASE("a second job with the key of an unfinished one is attached to it, and waits for it") {
  EngineDriver d;
  const SessionId first = d.client();
  const SessionId second = d.client();
  const SessionId consumer = d.consumer(2, 2);
  JobOptions options = with_key("report-7");
  options.transient = GENERATE(false, true);
  const JobId id = d.submit(first, true, options);
  d.take();
  const JobId twin = d.submit(second, true, options);
  const Effects effects = d.take();
  REQUIRE(effects.attached.size() == 1);
  CHECK(effects.attached[0].session == second);
  CHECK(effects.attached[0].what.id == twin);
  CHECK(effects.attached[0].what.to == id);
  CHECK(effects.accepted.empty());
  CHECK(d.assigned_to(consumer).size() == 1);
  d.outcome(consumer, id, 1);
  CHECK(d.take().done.size() == 2);
  CHECK(d.engine().jobs().count(JobState::queued) == 0);
  // The key is free again.
  d.submit(second, true, options);
  CHECK(d.take().attached.empty());
}

TEST_CASE("the same key in another queue is another key") {
  EngineDriver d;
  const SessionId client = d.client();
  JobOptions options = with_key("report-7");
  options.transient = GENERATE(false, true);
  d.submit(client, true, options, "default");
  const JobId elsewhere = d.submit(client, true, options, "reports");
  CHECK(d.take().attached.empty());
  d.submit(client, true, options, "reports");
  const Effects effects = d.take();
  REQUIRE(effects.attached.size() == 1);
  CHECK(effects.attached[0].what.to == elsewhere);
  CHECK(d.engine().jobs().count(JobState::queued) == 2);
}

TEST_CASE("the result of a job with a key answers later ones for a while") {
  EngineDriver d;
  const SessionId client = d.client();
  const SessionId consumer = d.consumer(5, 2);
  JobOptions options = with_key("report-7");
  options.unique_for = seconds(2);
  options.transient = GENERATE(false, true);
  const JobId id = d.submit(client, true, options);
  CHECK(d.assigned_to(consumer).size() == 1);
  d.outcome(consumer, id, 1);
  d.take();
  d.pass(seconds(1));
  d.submit(client, true, options);
  Effects effects = d.take();
  CHECK(effects.attached.size() == 1);
  REQUIRE(effects.done.size() == 1);
  CHECK(effects.done[0].what.id == id);
  d.pass(seconds(2));
  d.submit(client, true, options);
  CHECK(d.take().attached.empty());
}

TEST_CASE("a key that is held while queued is free once the job runs") {
  EngineDriver d;
  const SessionId client = d.client();
  const SessionId consumer = d.consumer(1);
  JobOptions options = with_key("refresh");
  options.unique_while = UniqueWhile::queued;
  options.transient = GENERATE(false, true);
  d.submit(client, true, options);
  d.submit(client, true, options);
  CHECK(d.take().attached.size() == 1);
  CHECK(d.assigned_to(consumer).size() == 1);
  d.submit(client, true, options);
  CHECK(d.take().attached.empty());
}

TEST_CASE("a failed job whose unique key another job has now stays when it is retried") {
  EngineDriver d;
  const SessionId client = d.client();
  const SessionId consumer = d.consumer(1);
  const JobId id = d.submit(client, true, with_key("k"));
  d.tick();
  d.fail(consumer, id, 1);
  const StoredJob failed = *d.store.find({id})->at(0);
  const JobId other = d.submit(client, true, with_key("k"));
  d.take();
  const JobId refused = Uuid::make();
  REQUIRE(d.engine().retry(failed, refused, d.now(), d.effects));
  CHECK(d.take().not_retried == std::vector<JobId>{refused});
  CHECK(d.engine().jobs().count(JobState::queued) == 1);
  CHECK(d.engine().jobs().count(JobState::failed) == 1);
  CHECK(d.store.find({id})->at(0));
  d.engine().cancel(d.client(), {{other}}, d.now(), d.effects);
  d.settle();
  const JobId fresh = Uuid::make();
  REQUIRE(d.engine().retry(failed, fresh, d.now(), d.effects));
  CHECK_FALSE(d.engine().retry(failed, Uuid::make(), d.now(), d.effects));
  d.settle();
  d.settle();
  CHECK(d.engine().jobs().find(fresh)->state == JobState::queued);
  CHECK(d.engine().jobs().count(JobState::failed) == 0);
  CHECK_FALSE(d.store.find({id})->at(0));
}

TEST_CASE("of failed jobs with the same unique key one is retried") {
  EngineDriver d;
  const SessionId client = d.client();
  const SessionId consumer = d.consumer(2);
  std::vector<StoredJob> failed;
  for (int i = 0; i < 2; ++i) {
    const JobId id = d.submit(client, true, with_key("k"));
    d.tick();
    d.fail(consumer, id, 1);
    failed.push_back(*d.store.find({id})->at(0));
  }
  for (const StoredJob& job : failed) CHECK(d.engine().retry(job, Uuid::make(), d.now(), d.effects));
  d.settle();
  d.settle();
  CHECK(d.engine().jobs().count(JobState::queued) + d.engine().jobs().count(JobState::running) == 1);
  CHECK(d.engine().jobs().count(JobState::failed) == 1);
  CHECK_FALSE(d.store.find({failed[0].spec->id})->at(0));
  CHECK(d.store.find({failed[1].spec->id})->at(0));
}

TEST_CASE("two who submit the same job are both told that it is accepted") {
  EngineDriver d;
  const SessionId first = d.client();
  const SessionId second = d.client();
  const JobId id = Uuid::make();
  for (const SessionId session : {first, second}) {
    d.engine().submit(session, {true, {{id, "fib", "default", "\x91\x1e", {}}}}, d.now(), d.effects);
  }
  std::vector<SessionId> told;
  for (const auto& accepted : d.take().accepted) told.push_back(accepted.session);
  std::sort(told.begin(), told.end());
  CHECK(told == std::vector<SessionId>{first, second});
}

}  // namespace zebu::broker
