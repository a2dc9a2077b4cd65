#include "support/catch.h"

#include <outbox.h>
#include <string>
#include <utility>
#include <vector>

namespace {

using zebu::Decoder;
using zebu::Frame;
using zebu::JobId;
using zebu::Uuid;
using zebu::broker::BatchNumber;
using zebu::broker::Effects;
using zebu::broker::Outboxes;
using zebu::broker::SessionId;
namespace message = zebu::message;

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
Effects attached(SessionId session, BatchNumber batch) {
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
  outboxes.gather(attached(kClient, 0));
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
