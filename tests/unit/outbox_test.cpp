#include "broker/engine/jobs/job.h"
#include "broker/server/outboxes.h"
#include "tests/support/catch.h"
#include "tests/support/store_fixture.h"

#include <string>
#include <utility>
#include <vector>

namespace zebu::broker {
namespace {

constexpr std::size_t kMaxMessage = 1 << 20;
constexpr SessionId kClient = 1;

// What was sent, as "session:TYPE".
using Sent = std::vector<std::string>;
auto into(Sent& sent) {
  return [&sent](SessionId session, const Frame& frame) {
    Decoder decoder;
    const auto message = decoder.decode(frame.bytes());
    REQUIRE(message);
    sent.push_back(std::to_string(session) + ':' + std::string(message::name_of(message::type_of(*message))));
  };
}
Sent flushed(Outboxes& outboxes) {
  Sent sent;
  outboxes.flush(into(sent));
  return sent;
}
Sent flushed_durable(Outboxes& outboxes) {
  Sent sent;
  outboxes.flush_durable(into(sent));
  return sent;
}

Effects accepted(SessionId session, bool at_once) {
  Effects effects;
  effects.accepted.push_back({session, Uuid::make(), at_once});
  return effects;
}
// A job of the fixture that succeeded.
Job done_job() {
  Job job;
  job.spec = test::shared_job(1);
  job.state = JobState::succeeded;
  job.outcome = test::succeeded();
  return job;
}
Effects accepted(SessionId session, const Job& job) {
  Effects effects;
  effects.accepted.push_back({session, job.spec->id, false});
  return effects;
}
Effects done(SessionId session, const Job& job, std::optional<BatchNumber> batch = {}) {
  Effects effects;
  effects.done.push_back({session, {job.spec->id, job.uses.attempt, job.outcome}, batch});
  return effects;
}
Effects assigned(SessionId session, const Job& job) {
  Effects effects;
  effects.assigned.push_back({session, {job.spec, job.uses}});
  return effects;
}
Effects kept(SessionId session, bool at_once) {
  Effects effects;
  effects.kept.push_back({session, 1, {}, at_once});
  return effects;
}
Effects attached(SessionId session, std::optional<BatchNumber> batch = {}) {
  Effects effects;
  effects.attached.push_back({session, {Uuid::make(), Uuid::make()}, batch});
  return effects;
}

}  // namespace

TEST_CASE("an ACCEPTED that nobody waits for leaves with the next message to that client") {
  Outboxes outboxes(kMaxMessage);
  outboxes.gather(accepted(kClient, false));
  CHECK(flushed(outboxes).empty());
  CHECK(outboxes.is_holding());
  outboxes.gather(accepted(kClient + 1, true));
  CHECK(flushed(outboxes) == Sent{"2:ACCEPTED"});
  outboxes.gather(attached(kClient));
  CHECK(flushed(outboxes) == Sent{"1:ATTACHED", "1:ACCEPTED"});
  CHECK_FALSE(outboxes.is_holding());
}

TEST_CASE("a held ACCEPTED leaves with what a commit made durable for that client") {
  Outboxes outboxes(kMaxMessage);
  outboxes.gather(accepted(kClient, false));
  outboxes.gather(accepted(kClient + 1, false));
  outboxes.gather(attached(kClient, 1));
  outboxes.seal(1);
  CHECK(flushed(outboxes).empty());
  outboxes.committed();
  CHECK(flushed_durable(outboxes) == Sent{"1:ATTACHED", "1:ACCEPTED"});
  CHECK(flushed(outboxes).empty());
  CHECK(outboxes.is_holding());
  outboxes.release();
  CHECK(flushed(outboxes) == Sent{"2:ACCEPTED"});
  CHECK_FALSE(outboxes.is_holding());
}

TEST_CASE("a DONE stands for the ACCEPTED that is held of the same job") {
  Outboxes outboxes(kMaxMessage);
  const Job job = done_job();
  outboxes.gather(accepted(kClient, job));
  SECTION("at once") {
    outboxes.gather(done(kClient, job));
    CHECK(flushed(outboxes) == Sent{"1:DONE"});
  }
  SECTION("with a commit") {
    outboxes.gather(done(kClient, job, 1));
    outboxes.seal(1);
    CHECK(outboxes.is_holding());
    outboxes.committed();
    CHECK(flushed_durable(outboxes) == Sent{"1:DONE"});
  }
  SECTION("not when the commit takes long") {
    outboxes.gather(done(kClient, job, 1));
    outboxes.seal(1);
    outboxes.release();
    CHECK(flushed(outboxes) == Sent{"1:ACCEPTED"});
    outboxes.committed();
    CHECK(flushed_durable(outboxes) == Sent{"1:DONE"});
  }
  CHECK_FALSE(outboxes.is_holding());
  outboxes.release();
  CHECK(flushed(outboxes).empty());
}

TEST_CASE("the ACCEPTED of other clients and of other jobs leaves") {
  Outboxes outboxes(kMaxMessage);
  const Job job = done_job();
  outboxes.gather(accepted(kClient, job));
  outboxes.gather(accepted(kClient + 1, false));
  outboxes.gather(done(kClient + 1, job));
  CHECK(flushed(outboxes) == Sent{"2:DONE", "2:ACCEPTED"});
  CHECK(outboxes.is_holding());
  outboxes.release();
  CHECK(flushed(outboxes) == Sent{"1:ACCEPTED"});
}

TEST_CASE("a KEPT that nobody waits for leaves with the next whole message, not with work") {
  Outboxes outboxes(kMaxMessage);
  const Job job = done_job();
  outboxes.gather(kept(kClient, false));
  outboxes.gather(assigned(kClient, job));
  CHECK(flushed(outboxes) == Sent{"1:ASSIGN"});
  outboxes.put(kClient, encode(message::Beat{}));
  CHECK(flushed(outboxes) == Sent{"1:KEPT", "1:BEAT"});
  outboxes.gather(kept(kClient, true));
  CHECK(flushed(outboxes) == Sent{"1:KEPT"});
}

TEST_CASE("a client that is gone is not held for") {
  Outboxes outboxes(kMaxMessage);
  outboxes.gather(accepted(kClient, false));
  outboxes.forget(kClient);
  CHECK_FALSE(outboxes.is_holding());
  outboxes.release();
  CHECK(flushed(outboxes).empty());
}

TEST_CASE("a reply of a commit does not leave before it") {
  Outboxes outboxes(kMaxMessage);
  outboxes.gather(attached(kClient, 1));
  outboxes.seal(1);
  outboxes.gather(attached(kClient, 2));
  CHECK(flushed(outboxes).empty());
  CHECK(flushed_durable(outboxes).empty());
  outboxes.committed();
  CHECK(flushed_durable(outboxes) == Sent{"1:ATTACHED"});
  outboxes.seal(2);
  CHECK(flushed_durable(outboxes).empty());
  outboxes.committed();
  CHECK(flushed_durable(outboxes) == Sent{"1:ATTACHED"});
}

}  // namespace zebu::broker
