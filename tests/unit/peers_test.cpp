#include "broker/engine/peers/peers.h"

#include "tests/support/catch.h"

using namespace zebu;
using namespace zebu::broker;
using std::chrono::seconds;

namespace {

message::Hello hello_of(const InstanceId& instance, std::vector<AttemptId> runs = {}) {
  message::Hello hello;
  hello.role = message::Role::consumer;
  hello.instance = instance;
  hello.consumer.runs = std::move(runs);
  return hello;
}

}  // namespace

TEST_CASE("peers: a session that is silent for longer than the liveness time is reported, the others get a beat") {
  EngineOptions options;
  options.liveness = seconds(3);
  Peers peers(options);
  const TimePoint start{std::chrono::hours(1)};
  CHECK_FALSE(peers.next_beat());
  peers.add(1, hello_of(Uuid::make()), start).is_welcomed = true;
  peers.add(2, hello_of(Uuid::make()), start).is_welcomed = true;
  CHECK_FALSE(peers.beat(start));
  CHECK(peers.beat(start + seconds(1))->present.size() == 2);
  peers.heard(1, start + seconds(3));
  const auto beat = peers.beat(start + seconds(4));
  REQUIRE(beat);
  CHECK(beat->silent == std::vector<SessionId>{2});
  CHECK(beat->present == std::vector<SessionId>{1});
}

TEST_CASE("peers: a newer session of an instance takes the older one's place") {
  Peers peers(EngineOptions{});
  const InstanceId instance = Uuid::make();
  peers.add(1, hello_of(instance), {});
  peers.add(2, hello_of(instance), {});
  CHECK(peers.session_of(instance) == SessionId(2));
  peers.remove(1);
  CHECK(peers.session_of(instance) == SessionId(2));
  peers.remove(2);
  CHECK_FALSE(peers.session_of(instance));
}

TEST_CASE("peers: a restarted broker waits for the consumers of before, and no longer than the liveness time") {
  EngineOptions options;
  Peers peers(options);
  const InstanceId back = Uuid::make();
  const InstanceId missing = Uuid::make();
  const TimePoint start{std::chrono::hours(1)};
  peers.expect({{back, true}, {missing, false}}, false, start);
  CHECK(peers.is_waiting());
  CHECK_FALSE(peers.is_wait_over(start));
  CHECK(peers.is_late(hello_of(back)));
  peers.came(back);
  CHECK_FALSE(peers.is_wait_over(start));
  CHECK(peers.is_wait_over(start + options.liveness));
  CHECK(peers.give_up().size() == 1);
  CHECK_FALSE(peers.is_waiting());
  // It was given up, so it is not believed when it names attempts.
  CHECK(peers.is_late(hello_of(missing, {{Uuid::make(), 1}})));
  CHECK_FALSE(peers.is_late(hello_of(missing)));
  peers.lost(missing, false);
  CHECK_FALSE(peers.is_late(hello_of(missing, {{Uuid::make(), 1}})));
}
