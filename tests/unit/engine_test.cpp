#include "tests/support/catch.h"
#include "tests/support/engine_driver.h"

namespace zebu::broker {

using std::chrono::milliseconds;
using std::chrono::seconds;
using zebu::test::engine_options;
using zebu::test::EngineDriver;

namespace {

using Attempts = std::vector<AttemptId>;

std::vector<JobId> done_for(const Effects& effects, SessionId session) {
  std::vector<JobId> ids;
  for (const auto& [to, job, batch] : effects.done) {
    if (to == session) ids.push_back(job.id);
  }
  return ids;
}

}  // namespace

TEST_CASE("a job is accepted, assigned, finished and told to who waits") {
  EngineDriver d;
  const SessionId client = d.client();
  const SessionId consumer = d.consumer(1);
  const JobId id = d.submit(client);
  CHECK(d.state_of(id) == JobState::queued);
  REQUIRE(d.effects.accepted.size() == 1);
  CHECK(d.assigned_to(consumer) == Attempts{{id, 1}});
  CHECK(d.state_of(id) == JobState::running);
  d.outcome(consumer, id, 1);
  CHECK(d.state_of(id) == JobState::succeeded);
  const Effects effects = d.take();
  CHECK(done_for(effects, client) == std::vector<JobId>{id});
  REQUIRE(effects.kept.size() == 1);
  CHECK(effects.kept[0].count == 1);
}

TEST_CASE("the oldest job goes first, over all queues of a consumer") {
  EngineDriver d;
  const SessionId client = d.client();
  const JobId first = d.submit(client, true, {}, "b");
  const JobId second = d.submit(client, true, {}, "a");
  const JobId third = d.submit(client, true, {}, "b");
  const SessionId consumer = d.consumer(3, 3, Uuid::make(), {}, {"a", "b"});
  CHECK(d.assigned_to(consumer) == Attempts{{first, 1}, {second, 1}, {third, 1}});
}

TEST_CASE("jobs spread over consumers, to free slots before credit beyond them") {
  EngineDriver d;
  const SessionId client = d.client();
  const SessionId a = d.consumer(10, 1);
  const SessionId b = d.consumer(10, 3);
  for (int i = 0; i < 4; ++i) d.submit(client);
  d.tick();
  std::map<SessionId, int> count;
  for (const auto& [session, job, batch] : d.effects.assigned) ++count[session];
  CHECK(count[a] == 1);
  CHECK(count[b] == 3);
}

TEST_CASE("a consumer gets jobs of its own queues only") {
  EngineDriver d;
  const SessionId client = d.client();
  d.submit(client, true, {}, "reports");
  const SessionId consumer = d.consumer(5);
  CHECK(d.assigned_to(consumer).empty());
}

TEST_CASE("a silent consumer is lost within its liveness, and its jobs run elsewhere as the next attempt") {
  EngineDriver d;
  const SessionId client = d.client();
  const SessionId lost = d.consumer(2, 2);
  const JobId first = d.submit(client);
  const JobId second = d.submit(client);
  CHECK(d.assigned_to(lost).size() == 2);
  for (int i = 0; i < 4; ++i) {
    d.pass(seconds(1));
    d.engine().heard(client, d.now());
    d.tick();
  }
  CHECK(d.engine().sessions().count(lost) == 0);
  CHECK(d.state_of(first) == JobState::queued);
  const SessionId other = d.consumer(2, 2);
  // One of the two may have brought it down: they run one after the other.
  CHECK(d.assigned_to(other) == Attempts{{first, 2}});
  d.outcome(other, first, 2);
  CHECK(d.assigned_to(other) == Attempts{{second, 2}});
  CHECK(d.engine().totals().put_back == 2);
  CHECK(d.engine().totals().lost_sessions == 1);
}

TEST_CASE("a departed consumer's jobs go back at once") {
  EngineDriver d;
  const SessionId client = d.client();
  const SessionId leaving = d.consumer(1);
  const JobId id = d.submit(client);
  CHECK(d.assigned_to(leaving).size() == 1);
  d.engine().bye(leaving, d.effects);
  CHECK(d.state_of(id) == JobState::queued);
}

TEST_CASE("a late outcome of a lost consumer is refused and counted") {
  EngineDriver d;
  const SessionId client = d.client();
  const SessionId lost = d.consumer(1);
  const JobId id = d.submit(client);
  CHECK(d.assigned_to(lost).size() == 1);
  d.engine().gone(lost, d.effects);
  const SessionId other = d.consumer(1);
  CHECK(d.assigned_to(other) == Attempts{{id, 2}});
  d.take();
  d.outcome(other, id, 1);
  CHECK(d.state_of(id) == JobState::running);
  CHECK(d.engine().totals().stale_outcomes == 1);
  CHECK(d.take().kept.size() == 1);  // confirmed all the same
  d.outcome(other, id, 2);
  d.outcome(other, id, 2);
  CHECK(d.engine().totals().stale_outcomes == 2);
  CHECK(d.engine().totals().succeeded == 1);
}

TEST_CASE("a consumer that comes back keeps what it runs and loses what it does not name") {
  EngineDriver d;
  const InstanceId instance = Uuid::make();
  const SessionId client = d.client();
  const SessionId before = d.consumer(2, 2, instance);
  const JobId kept = d.submit(client);
  const JobId lost_on_the_way = d.submit(client);
  CHECK(d.assigned_to(before).size() == 2);
  const SessionId after = d.consumer(0, 2, instance, {{kept, 1}});
  CHECK(d.engine().sessions().count(before) == 0);
  CHECK(d.state_of(kept) == JobState::running);
  CHECK(d.state_of(lost_on_the_way) == JobState::queued);
  d.outcome(after, kept, 1);
  CHECK(d.state_of(kept) == JobState::succeeded);
  CHECK(d.take().stopped.empty());
}

TEST_CASE("a consumer that was given up gets its job back when nobody else has it") {
  EngineDriver d;
  const InstanceId instance = Uuid::make();
  const SessionId client = d.client();
  const SessionId before = d.consumer(1, 1, instance);
  const JobId id = d.submit(client);
  CHECK(d.assigned_to(before).size() == 1);
  d.engine().gone(before, d.effects);
  CHECK(d.state_of(id) == JobState::queued);
  const SessionId after = d.consumer(1, 1, instance, {{id, 1}});
  CHECK(d.state_of(id) == JobState::running);
  CHECK(d.assigned_to(after).empty());  // it runs already
  d.outcome(after, id, 1);
  CHECK(d.state_of(id) == JobState::succeeded);
}

TEST_CASE("a consumer that comes back too late is told to stop") {
  EngineDriver d;
  const InstanceId instance = Uuid::make();
  const SessionId client = d.client();
  const SessionId before = d.consumer(1, 1, instance);
  const JobId id = d.submit(client);
  CHECK(d.assigned_to(before).size() == 1);
  d.engine().gone(before, d.effects);
  const SessionId other = d.consumer(1);
  CHECK(d.assigned_to(other).size() == 1);
  d.take();
  const SessionId after = d.consumer(1, 1, instance, {{id, 1}, {Uuid::make(), 1}});
  const Effects effects = d.take();
  REQUIRE(effects.stopped.size() == 2);
  CHECK(effects.stopped[0].session == after);
  CHECK(effects.stopped[0].what == AttemptId{id, 1});
}

TEST_CASE("a returned job keeps its place and its attempt") {
  EngineDriver d;
  const SessionId client = d.client();
  const SessionId consumer = d.consumer(2, 1);
  const JobId first = d.submit(client);
  const JobId second = d.submit(client);
  d.submit(client);
  CHECK(d.assigned_to(consumer) == Attempts{{first, 1}, {second, 1}});
  d.engine().give_back(consumer, {0, {{second, 1}}}, d.now(), d.effects);
  CHECK(d.state_of(second) == JobState::queued);
  const SessionId other = d.consumer(1);
  CHECK(d.assigned_to(other) == Attempts{{second, 1}});
}

TEST_CASE("returned jobs use up the credit that the consumer had given") {
  EngineDriver d;
  const SessionId client = d.client();
  const SessionId consumer = d.consumer(100, 1);
  std::vector<JobId> ids;
  for (int i = 0; i < 3; ++i) ids.push_back(d.submit(client));
  CHECK(d.assigned_to(consumer).size() == 3);
  d.engine().give_back(consumer, {1, {{ids[1], 1}, {ids[2], 1}}}, d.now(), d.effects);
  CHECK(d.assigned_to(consumer) == Attempts{{ids[1], 1}});
  CHECK(d.assigned_to(consumer).empty());
  d.engine().credit(consumer, 1, d.effects);
  CHECK(d.assigned_to(consumer) == Attempts{{ids[2], 1}});
}

TEST_CASE("only the holder of an assignment can return it") {
  EngineDriver d;
  const SessionId client = d.client();
  const SessionId holder = d.consumer(1);
  const SessionId other = d.consumer(0);
  const JobId id = d.submit(client);
  CHECK(d.assigned_to(holder).size() == 1);
  d.engine().give_back(other, {0, {{id, 1}}}, d.now(), d.effects);
  CHECK(d.state_of(id) == JobState::running);
}

TEST_CASE("a queued job is cancelled at once") {
  EngineDriver d;
  const SessionId client = d.client();
  const JobId id = d.submit(client);
  d.engine().cancel(d.client(), {{id}}, d.now(), d.effects);
  CHECK(d.state_of(id) == JobState::cancelled);
  CHECK(done_for(d.take(), client) == std::vector<JobId>{id});
  const SessionId consumer = d.consumer(1);
  CHECK(d.assigned_to(consumer).empty());
}

TEST_CASE("a running job is cancelled when its consumer confirms") {
  EngineDriver d;
  const SessionId client = d.client();
  const SessionId consumer = d.consumer(1);
  const JobId id = d.submit(client);
  CHECK(d.assigned_to(consumer).size() == 1);
  d.take();
  d.engine().cancel(d.client(), {{id, id}}, d.now(), d.effects);
  CHECK(d.state_of(id) == JobState::running);
  CHECK(d.take().stopped.size() == 1);
  d.outcome(consumer, id, 1, JobState::cancelled);
  CHECK(d.state_of(id) == JobState::cancelled);
  CHECK(done_for(d.take(), client) == std::vector<JobId>{id});
}

TEST_CASE("a job that was to be cancelled does not run again when its consumer is lost or returns it") {
  EngineDriver d;
  const SessionId client = d.client();
  const SessionId consumer = d.consumer(2, 2);
  const JobId lost = d.submit(client);
  const JobId returned = d.submit(client);
  CHECK(d.assigned_to(consumer).size() == 2);
  d.engine().cancel(d.client(), {{lost, returned}}, d.now(), d.effects);
  d.engine().give_back(consumer, {0, {{returned, 1}}}, d.now(), d.effects);
  CHECK(d.state_of(returned) == JobState::cancelled);
  d.engine().gone(consumer, d.effects);
  CHECK(d.state_of(lost) == JobState::cancelled);
}

TEST_CASE("a job that is submitted again is accepted again and runs once") {
  EngineDriver d;
  const SessionId client = d.client();
  const SessionId consumer = d.consumer(5, 5);
  const JobId id = d.submit(client, false);
  d.engine().submit(client, {true, {{id, "fib", "default", "\x91\x1e", {}}}}, d.now(), d.effects);
  CHECK(d.take().accepted.size() == 2);
  CHECK(d.assigned_to(consumer).size() == 1);
  d.outcome(consumer, id, 1);
  CHECK(done_for(d.take(), client).size() == 1);
  d.engine().submit(client, {true, {{id, "fib", "default", "\x91\x1e", {}}}}, d.now(), d.effects);
  CHECK(done_for(d.take(), client).size() == 1);
  CHECK(d.engine().totals().accepted == 1);
}

TEST_CASE("a wait is answered now or later, once, or with unknown") {
  EngineDriver d;
  const SessionId submitter = d.client();
  const SessionId waiter = d.client();
  const SessionId consumer = d.consumer(1);
  const JobId id = d.submit(submitter, false);
  const JobId never = Uuid::make();
  d.engine().wait(waiter, {{id, id, never}}, d.effects);
  CHECK(d.take().unknown.size() == 1);
  CHECK(d.assigned_to(consumer).size() == 1);
  d.outcome(consumer, id, 1);
  Effects effects = d.take();
  CHECK(done_for(effects, waiter).size() == 1);
  CHECK(done_for(effects, submitter).empty());
  d.engine().wait(submitter, {{id}}, d.effects);
  CHECK(done_for(d.take(), submitter).size() == 1);
}

TEST_CASE("a client that has left gets no outcome") {
  EngineDriver d;
  const SessionId client = d.client();
  const SessionId consumer = d.consumer(1);
  const JobId id = d.submit(client);
  d.engine().leave(client, {{id}});
  CHECK(d.assigned_to(consumer).size() == 1);
  d.outcome(consumer, id, 1);
  CHECK(d.take().done.empty());
}

TEST_CASE("a draining consumer gets nothing more, whatever credit it gives") {
  EngineDriver d;
  const SessionId client = d.client();
  const SessionId consumer = d.consumer(2, 2);
  d.engine().drain(consumer, d.effects);
  d.engine().credit(consumer, 2, d.effects);
  d.submit(client);
  CHECK(d.assigned_to(consumer).empty());
}

TEST_CASE("a job is accepted at once, but for one that its submitter waits for") {
  EngineDriver d;
  const SessionId client = d.client();
  JobOptions transient;
  transient.transient = true;
  d.submit(client, false);
  CHECK(d.take().accepted.at(0).at_once);
  d.submit(client, true);
  CHECK_FALSE(d.take().accepted.at(0).at_once);
  d.submit(client, false, transient);
  CHECK(d.take().accepted.at(0).at_once);
  d.submit(client, true, transient);
  CHECK_FALSE(d.take().accepted.at(0).at_once);
}

TEST_CASE("outcomes are confirmed with the next beat, at once to a consumer that leaves or holds much") {
  EngineDriver d;
  const SessionId client = d.client();
  const SessionId consumer = d.consumer(300, 300);
  std::vector<JobId> ids;
  for (int i = 0; i < 300; ++i) ids.push_back(d.submit(client));
  CHECK(d.assigned_to(consumer).size() == 300);
  d.take();
  d.outcome(consumer, ids[0], 1);
  CHECK_FALSE(d.take().kept.at(0).at_once);
  for (std::size_t i = 1; i < 256; ++i) d.outcome(consumer, ids[i], 1);
  Effects effects = d.take();
  CHECK(effects.kept.back().at_once);
  CHECK(effects.kept.back().count == 256);
  d.outcome(consumer, ids[256], 1);
  CHECK_FALSE(d.take().kept.at(0).at_once);
  d.engine().drain(consumer, d.effects);
  effects = d.take();
  CHECK(effects.kept.at(0).at_once);
  CHECK(effects.kept.at(0).count == 257);
  d.engine().drain(consumer, d.effects);
  CHECK(d.take().kept.at(0).count == 257);  // whatever was said before, and may be held
}

TEST_CASE("peers are sent beats, and none when there are none") {
  EngineDriver d;
  const SessionId client = d.client();
  REQUIRE(d.engine().next_deadline());
  CHECK(*d.engine().next_deadline() == d.now().steady + seconds(1));
  d.tick();
  CHECK(d.take().beats.empty());
  d.pass(seconds(1));
  d.tick();
  CHECK(d.take().beats == std::vector<SessionId>{client});
  d.engine().bye(client, d.effects);
  d.pass(seconds(1));
  d.tick();
  CHECK(d.take().beats.empty());
}

TEST_CASE("a transient job leaves no record, a durable one each of its steps") {
  EngineDriver d;
  const SessionId client = d.client();
  const SessionId consumer = d.consumer(2, 2);
  JobOptions transient;
  transient.transient = true;
  d.take();
  d.written.clear();
  const JobId light = d.submit(client, true, transient);
  CHECK(d.assigned_to(consumer).size() == 1);
  d.outcome(consumer, light, 1);
  CHECK(d.written.empty());
  const JobId durable = d.submit(client);
  CHECK(d.assigned_to(consumer).size() == 1);
  d.pass(milliseconds(20));
  d.tick();
  d.outcome(consumer, durable, 1);
  REQUIRE(d.written.size() == 3);
  CHECK(std::get<JobAccepted>(d.written[0]).spec->id == durable);
  CHECK(std::get<AttemptStarted>(d.written[1]).attempt == 1);
  CHECK(std::get<JobFinished>(d.written[2]).outcome->state == JobState::succeeded);
}

TEST_CASE("the start of a job that ends soon is not recorded") {
  EngineDriver d;
  const SessionId client = d.client();
  const SessionId consumer = d.consumer(2, 2);
  const JobId id = d.submit(client);
  CHECK(d.assigned_to(consumer).size() == 1);
  d.written.clear();
  d.outcome(consumer, id, 1);
  REQUIRE(d.written.size() == 1);
  CHECK(std::get<JobFinished>(d.written[0]).uses.attempt == 1);
}

}  // namespace zebu::broker
