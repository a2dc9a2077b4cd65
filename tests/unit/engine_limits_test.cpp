#include "tests/support/catch.h"
#include "tests/support/engine_driver.h"

// What the engine refuses, and at which limits.
namespace zebu::broker {

using std::chrono::milliseconds;
using zebu::test::engine_options;
using zebu::test::EngineDriver;

namespace {

ErrorCode refusal_of(EngineDriver& d) {
  REQUIRE(d.effects.refused.size() == 1);
  const ErrorCode code = d.effects.refused[0].what.why.code;
  CHECK_FALSE(d.effects.refused[0].what.why.message.empty());
  d.effects.clear();
  return code;
}

}  // namespace

TEST_CASE("a full queue refuses with a way out, and takes jobs again when there is room") {
  EngineOptions options = engine_options();
  options.queue_limit = 2;
  EngineDriver d(options);
  const SessionId client = d.client();
  d.submit(client);
  d.submit(client);
  d.take();
  d.submit(client);
  REQUIRE(d.effects.refused.size() == 1);
  CHECK(d.effects.refused[0].what.why.retry_after > milliseconds(0));
  CHECK(d.effects.refused[0].what.why.message ==
        "queue 'default' is full (2 jobs): retry after 1 s, or raise --queue-limit");
  CHECK(refusal_of(d) == ErrorCode::queue_full);
  const SessionId consumer = d.consumer(1);
  CHECK(d.assigned_to(consumer).size() == 1);
  d.submit(client);
  CHECK(d.take().refused.empty());
}

TEST_CASE("a queue's limit in bytes holds too") {
  EngineOptions options = engine_options();
  options.queue_bytes = 2000;
  EngineDriver d(options);
  const SessionId client = d.client();
  const std::string args(1500, 'x');
  d.submit(client, true, {}, "default", "fib", args);
  d.take();
  d.submit(client, true, {}, "default", "fib", args);
  CHECK(refusal_of(d) == ErrorCode::queue_full);
}

TEST_CASE("a full store refuses durable jobs with a time to retry after, and nothing else") {
  EngineDriver d;
  const SessionId client = d.client();
  const SessionId consumer = d.consumer(10);
  const JobId before = d.submit(client);
  d.take();
  d.engine().store_has_room(0);
  d.submit(client);
  REQUIRE(d.effects.refused.size() == 1);
  CHECK(d.effects.refused[0].what.why.retry_after == std::chrono::seconds(5));
  CHECK(refusal_of(d) == ErrorCode::store_full);
  CHECK(d.engine().totals().refused == 1);
  // A transient job, an outcome, and a job that the broker has.
  JobOptions transient;
  transient.transient = true;
  d.submit(client, true, transient);
  d.engine().submit(client, {true, {{before, "fib", "default", "\x91\x1e", {}}}, {}}, d.now(), d.effects);
  CHECK(d.effects.refused.empty());
  CHECK(d.take().accepted.size() == 2);
  CHECK(d.assigned_to(consumer).size() == 2);
  d.outcome(consumer, before, 1);
  CHECK(d.engine().jobs().find(before)->state == JobState::succeeded);
  // It has room again.
  d.engine().store_has_room({});
  d.submit(client);
  CHECK(d.take().refused.empty());
}

TEST_CASE("while nearly all of a store's room is used up no durable job is started, and outcomes are taken") {
  EngineDriver d;
  const SessionId client = d.client();
  const SessionId consumer = d.consumer(10, 10);
  const JobId running = d.submit(client);
  REQUIRE(d.assigned_to(consumer).size() == 1);
  d.take();
  d.submit(client);
  d.engine().store_has_room(0, true);
  CHECK(d.assigned_to(consumer).empty());
  const SessionId both = d.consumer(10, 10, Uuid::make(), {}, {"default"}, {"fib", "other"});
  JobOptions transient;
  transient.transient = true;
  d.submit(client, true, transient, "default", "other");
  CHECK(d.assigned_to(both).size() == 1);
  d.outcome(consumer, running, 1);
  CHECK(d.take().done.size() == 1);
  d.engine().store_has_room(0, false);
  d.tick();
  CHECK(d.take().assigned.size() == 1);
}

TEST_CASE("what was accepted since the store measured its room counts until it is written") {
  EngineDriver d;
  const SessionId client = d.client();
  const std::string args(100'000, 'x');
  const auto submit = [&] {
    d.engine().submit(client, {true, {{Uuid::make(), "fib", "default", args, {}}}, {}}, d.now(), d.effects);
    const bool is_refused = !d.effects.refused.empty();
    d.effects.refused.clear();
    return !is_refused;
  };
  d.engine().store_has_room(500'000);  // twice for each: in the log, and in the file
  CHECK(submit());
  CHECK(submit());
  CHECK_FALSE(submit());
  // None of it is written yet.
  d.engine().store_has_room(600'000);
  CHECK_FALSE(submit());
  d.settle();
  d.engine().store_has_room(600'000);
  CHECK(submit());
  CHECK(submit());
  CHECK_FALSE(submit());
}

TEST_CASE("a job that cannot run is refused") {
  EngineDriver d;
  const SessionId client = d.client();
  JobOptions only_served;
  only_served.only_served = true;
  d.submit(client, true, only_served);
  CHECK(refusal_of(d) == ErrorCode::no_consumer);
  d.submit(client, true, {}, "default", "two words\n");
  REQUIRE(d.effects.refused.size() == 1);
  CHECK(d.effects.refused[0].what.why.message ==
        "task 'two words?' is not a valid name: 1 to 128 bytes of UTF-8 without spaces or control characters");
  CHECK(refusal_of(d) == ErrorCode::bad_job);
  d.submit(client, true, {}, "", "fib");
  CHECK(refusal_of(d) == ErrorCode::bad_job);
  d.consumer(1);
  d.take();
  d.submit(client, true, {}, "default", "fob");
  REQUIRE(d.effects.refused.size() == 1);
  CHECK(d.effects.refused[0].what.why.message == "no consumer of queue 'default' knows task 'fob'; they know: fib");
  CHECK(refusal_of(d) == ErrorCode::unknown_task);
  CHECK(d.engine().totals().refused == 4);
}

TEST_CASE("the number of queues and peers is bounded") {
  EngineOptions options = engine_options();
  options.max_queues = 1;
  options.max_peers = 1;
  EngineDriver d(options);
  const SessionId client = d.client();
  d.submit(client, true, {}, "a");
  d.take();
  d.submit(client, true, {}, "b");
  CHECK(refusal_of(d) == ErrorCode::too_many_queues);
  const SessionId second = d.client();
  const Effects effects = d.take();
  REQUIRE(effects.errors.size() == 1);
  CHECK(effects.errors[0].what.why.code == ErrorCode::too_many_peers);
  CHECK(effects.ended == std::vector<SessionId>{second});
}

TEST_CASE("credit above the limit does not count, and costs nothing else") {
  EngineDriver d;
  const SessionId consumer = d.consumer(message::kMaxCredit);
  d.engine().credit(consumer, 1, d.effects);
  const Effects effects = d.take();
  CHECK(effects.errors.size() == 1);
  CHECK(effects.ended.empty());
  d.submit(d.client());
  CHECK(d.assigned_to(consumer).size() == 1);
}

TEST_CASE("the broker never assigns more than a consumer's credit") {
  EngineDriver d;
  const SessionId client = d.client();
  const SessionId consumer = d.consumer(3, 8);
  for (int i = 0; i < 10; ++i) d.submit(client);
  CHECK(d.assigned_to(consumer).size() == 3);
  CHECK(d.assigned_to(consumer).empty());
  d.engine().credit(consumer, 2, d.effects);
  CHECK(d.assigned_to(consumer).size() == 2);
}

TEST_CASE("a queue is forgotten when it is empty and no consumer serves it") {
  EngineDriver d;
  const SessionId client = d.client();
  const JobId id = d.submit(client, true, {}, "once");
  const SessionId consumer = d.consumer(1, 1, Uuid::make(), {}, {"once"});
  CHECK(d.assigned_to(consumer).size() == 1);
  d.outcome(consumer, id, 1);
  CHECK(d.engine().jobs().queues().size() == 1);
  d.engine().bye(consumer, d.effects);
  CHECK(d.engine().jobs().queues().empty());
}

}  // namespace zebu::broker
