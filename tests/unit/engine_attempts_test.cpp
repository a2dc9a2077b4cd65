#include "tests/support/catch.h"
#include "tests/support/engine_driver.h"

// The log of a job's attempts, what consumers are told of them, and when a job is tried again.
namespace zebu::broker {

using zebu::test::EngineDriver;
using zebu::test::with_retries;

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

std::vector<AttemptRecord> log_of(EngineDriver& d, const JobId& id) {
  d.settle();
  const AttemptLog log = d.engine().jobs().find(id)->attempts();
  return log ? *log : std::vector<AttemptRecord>();
}

StoredJob stored(EngineDriver& d, const JobId& id) {
  d.settle();
  return d.store.find({id})->at(0).value();
}

// The assignments to this consumer since the last call.
std::vector<Effects::Assigned> assignments(EngineDriver& d, SessionId consumer) {
  d.tick();
  std::vector<Effects::Assigned> list;
  for (const auto& [session, assigned, batch] : std::exchange(d.effects.assigned, {})) {
    if (session == consumer) list.push_back(assigned);
  }
  return list;
}

}  // namespace

TEST_CASE("attempts: a job that succeeds at once has its only attempt in the store, and no log") {
  EngineDriver d;
  const SessionId client = d.client();
  const SessionId consumer = d.consumer(1);
  const JobId id = d.submit(client);
  REQUIRE(d.assigned_to(consumer).size() == 1);
  const WallTime started = d.now().wall;
  d.pass(milliseconds(10));
  d.outcome(consumer, id, 1);
  CHECK(d.engine().jobs().find(id)->extras == nullptr);
  const StoredJob job = stored(d, id);
  CHECK_FALSE(job.earlier);
  REQUIRE(job.last.consumer);
  CHECK(*job.last.consumer == "consumer");
  CHECK(job.last.started == started);
}

TEST_CASE("attempts: each one that does not end the job is logged with where, when and how it ended") {
  EngineDriver d;
  const SessionId client = d.client();
  const SessionId consumer = d.consumer(10);
  const JobId id = d.submit(client, true, with_retries(5));
  REQUIRE(d.assigned_to(consumer).size() == 1);
  const WallTime first = d.now().wall;
  d.pass(milliseconds(300));
  d.fail(consumer, id, 1);
  d.pass(seconds(1));
  REQUIRE(d.assigned_to(consumer).size() == 1);
  d.fail(consumer, id, 2, ErrorKind::crash);
  REQUIRE(d.assigned_to(consumer).size() == 1);
  d.engine().bye(consumer, d.effects);
  const std::vector<AttemptRecord> log = log_of(d, id);
  REQUIRE(log.size() == 3);
  CHECK(log[0] ==
        AttemptRecord{1, AttemptEnd::failed, first, first + milliseconds(300), {}, "consumer", "Boom", "it broke"});
  CHECK(log[1].end == AttemptEnd::crashed);
  CHECK(log[1].attempt == 2);
  CHECK(log[2].end == AttemptEnd::left);
  CHECK(log[2].type.empty());
  CHECK(*stored(d, id).earlier == log);
  // It is in the store, so a broker after this one has it too.
  d.restart();
  d.pass(seconds(10));
  d.tick();
  CHECK(log_of(d, id) == log);
}

TEST_CASE("attempts: the last twenty are remembered, with the beginning of the message") {
  EngineDriver d;
  const SessionId client = d.client();
  const SessionId consumer = d.consumer(100);
  const JobId id = d.submit(client, true, with_retries(100));
  const std::string message(1000, 'x');
  for (std::uint32_t attempt = 1; attempt <= 30; ++attempt) {
    REQUIRE(d.assigned_to(consumer).size() == 1);
    const message::Report report{id, attempt, JobState::failed, {}, {message, message, {}}, {}};
    d.engine().outcome(consumer, {0, {report}}, d.now(), d.effects);
    d.pass(std::chrono::hours(1));
    d.engine().heard(consumer, d.now());
  }
  const std::vector<AttemptRecord> log = log_of(d, id);
  REQUIRE(log.size() == kMaxAttempts);
  CHECK(log.front().attempt == 11);
  CHECK(log.back().attempt == 30);
  CHECK(log.back().message.size() == kMaxAttemptMessage);
  CHECK(log.back().type.size() == kMaxName);
}

TEST_CASE("attempts: one that was given back unstarted is no attempt") {
  EngineDriver d;
  const SessionId client = d.client();
  const SessionId consumer = d.consumer(1);
  const JobId id = d.submit(client);
  REQUIRE(d.assigned_to(consumer).size() == 1);
  d.engine().give_back(consumer, {0, {{id, 1}}}, d.now(), d.effects);
  CHECK(log_of(d, id).empty());
  CHECK_FALSE(d.engine().jobs().find(id)->consumer);
}

TEST_CASE("attempts: one that was counted as lost and is claimed again leaves the log, and keeps its start") {
  EngineDriver d;
  const SessionId client = d.client();
  const InstanceId instance = Uuid::make();
  const SessionId consumer = d.consumer(1, 1, instance);
  const JobId id = d.submit(client);
  REQUIRE(d.assigned_to(consumer).size() == 1);
  const WallTime started = d.now().wall;
  d.pass(seconds(1));
  d.engine().gone(consumer, d.effects);
  REQUIRE(log_of(d, id).size() == 1);
  CHECK(log_of(d, id)[0].end == AttemptEnd::lost);
  d.pass(seconds(1));
  const SessionId back = d.consumer(0, 1, instance, {{id, 1}});
  CHECK(log_of(d, id).empty());
  CHECK_FALSE(stored(d, id).earlier);
  CHECK(d.engine().jobs().find(id)->started == started);
  d.outcome(back, id, 1);
  CHECK_FALSE(stored(d, id).earlier);
  CHECK(stored(d, id).last.started == started);
}

TEST_CASE("attempts: a broker after this one knows when a recorded attempt began, and where") {
  EngineDriver d;
  const SessionId client = d.client();
  const InstanceId instance = Uuid::make();
  const SessionId consumer = d.consumer(1, 1, instance);
  const JobId id = d.submit(client);
  REQUIRE(d.assigned_to(consumer).size() == 1);
  const WallTime started = d.now().wall;
  d.pass(seconds(1));
  d.tick();  // the start is recorded
  d.restart();
  const SessionId back = d.consumer(0, 1, instance, {{id, 1}});
  d.settle();
  CHECK(d.engine().jobs().find(id)->started == started);
  d.outcome(back, id, 1);
  CHECK(stored(d, id).last.started == started);
}

TEST_CASE("attempts: a consumer is told how often the job failed, crashed and was lost, and the retries") {
  EngineDriver d;
  const SessionId client = d.client();
  const SessionId consumer = d.consumer(10);
  const JobId id = d.submit(client, true, with_retries(5));
  auto given = assignments(d, consumer);
  REQUIRE(given.size() == 1);
  CHECK(given[0].uses == Uses{1, 0, 0, 0});
  d.fail(consumer, id, 1);
  d.pass(seconds(1));
  REQUIRE(assignments(d, consumer).size() == 1);
  d.fail(consumer, id, 2, ErrorKind::crash);
  given = assignments(d, consumer);
  REQUIRE(given.size() == 1);
  CHECK(given[0].uses == Uses{3, 1, 1, 0});
  CHECK(given[0].job->options.retry.max == 5);
}

TEST_CASE(
    "attempts: a task that asks for a retry after a time gets it, within the longest delay, and uses up a retry") {
  EngineDriver d;
  const SessionId client = d.client();
  const SessionId consumer = d.consumer(10);
  JobOptions options = with_retries(2);
  options.retry.cap = seconds(60);
  const JobId id = d.submit(client, true, options);
  const auto fail_after = [&](std::uint32_t attempt, milliseconds after) {
    message::Report report{id, attempt, JobState::failed, {}, {"zebu::Retry", "busy", {}}, {}};
    report.error.details.need().retry_after = after;
    d.engine().outcome(consumer, {0, {report}}, d.now(), d.effects);
    d.settle();
  };
  REQUIRE(d.assigned_to(consumer).size() == 1);
  fail_after(1, seconds(30));
  CHECK(d.engine().jobs().find(id)->due == d.now().wall + seconds(30));
  d.pass(seconds(30));
  d.engine().heard(consumer, d.now());
  REQUIRE(d.assigned_to(consumer).size() == 1);
  fail_after(2, std::chrono::hours(5));
  CHECK(d.engine().jobs().find(id)->due == d.now().wall + seconds(60));
  d.pass(seconds(60));
  d.engine().heard(consumer, d.now());
  REQUIRE(d.assigned_to(consumer).size() == 1);
  fail_after(3, milliseconds(0));
  CHECK(d.state_of(id) == JobState::failed);
}

TEST_CASE("attempts: progress that comes again is not appended twice, and a gap is told by its offset") {
  EngineDriver d;
  const SessionId client = d.client();
  const SessionId consumer = d.consumer(1);
  const JobId id = d.submit(client);
  REQUIRE(d.assigned_to(consumer).size() == 1);
  const auto progress = [&] { return *d.engine().jobs().find(id)->progress(); };
  d.engine().progress(consumer, {{{id, 1, 0.5, "half", "abc", 0, 1}}}, d.effects);
  d.engine().progress(consumer, {{{id, 1, 0.1, "old", "abc", 0, 1}}}, d.effects);
  CHECK(progress() == Progress{0.5, "half", "abc", 0, 1});
  d.engine().progress(consumer, {{{id, 1, std::nullopt, "", "xyz", 10, 3}}}, d.effects);
  CHECK(progress() == Progress{0.5, "half", "xyz", 10, 3});
  REQUIRE(d.effects.progressed.size() == 3);
  CHECK(d.effects.progressed[2].what.offset == 10);
  CHECK(d.effects.progressed[2].what.number == 3);
}

TEST_CASE("attempts: the next attempt's progress begins anew") {
  EngineDriver d;
  const SessionId client = d.client();
  const SessionId consumer = d.consumer(10);
  const JobId id = d.submit(client, true, with_retries(1));
  REQUIRE(d.assigned_to(consumer).size() == 1);
  d.engine().progress(consumer, {{{id, 1, 0.5, "half", "first", 0, 5}}}, d.effects);
  d.fail(consumer, id, 1);
  d.pass(seconds(1));
  REQUIRE(d.assigned_to(consumer).size() == 1);
  CHECK(d.engine().jobs().find(id)->progress() == nullptr);
  d.engine().progress(consumer, {{{id, 2, 0.1, "again", "second", 0, 1}}}, d.effects);
  CHECK(*d.engine().jobs().find(id)->progress() == Progress{0.1, "again", "second", 0, 1});
}

TEST_CASE("attempts: keyword arguments and privacy go with the job, to its consumer and to one that takes its place") {
  EngineDriver d;
  const SessionId client = d.client();
  const SessionId consumer = d.consumer(1);
  const JobId id = Uuid::make();
  JobOptions options;
  options.is_private = true;
  d.engine().submit(client, {true, {{id, "fib", "default", "\x90", options, "\x81\xa1n\x05"}}}, d.now(), d.effects);
  d.settle();
  CHECK(stored(d, id).spec->keywords() == "\x81\xa1n\x05");
  const auto given = assignments(d, consumer);
  REQUIRE(given.size() == 1);
  CHECK(given[0].job->keywords() == "\x81\xa1n\x05");
  CHECK(given[0].job->options.is_private);
  d.fail(consumer, id, 1);
  const auto fresh = d.engine().retry(stored(d, id), Uuid::make(), d.now(), d.effects);
  REQUIRE(fresh);
  CHECK(stored(d, *fresh).spec->keywords() == "\x81\xa1n\x05");
  CHECK(stored(d, *fresh).spec->options.is_private);
  CHECK_FALSE(stored(d, *fresh).earlier);
}

TEST_CASE("attempts: who paused a queue, and when, outlives the broker and ends with the pause") {
  EngineDriver d;
  d.engine().pause("default", "lunch", "ann", d.now(), d.effects);
  const WallTime at = d.now().wall;
  d.settle();
  d.restart();
  const auto by = [&] { return d.engine().jobs().find_queue("default")->settings.paused_by; };
  REQUIRE(by());
  CHECK(by()->name == "ann");
  CHECK(by()->at == at);
  const SessionId consumer = d.consumer(1);  // so that the queue stays
  CHECK(consumer != 0);
  CHECK(d.engine().resume("default", d.effects));
  CHECK_FALSE(by());
}

}  // namespace zebu::broker
