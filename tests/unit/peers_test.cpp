#include "broker/engine/peers/peers.h"

#include "tests/support/catch.h"

namespace zebu::broker {

using std::chrono::seconds;

namespace {

constexpr auto kConsumer = message::Role::consumer;

// The broker listens from `start` for so long, with a look each second.
TimePoint listen(Peers& peers, TimePoint start, seconds time) {
  for (seconds passed{1}; passed <= time; ++passed) static_cast<void>(peers.listened(kConsumer, start + passed));
  return start + time;
}

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
  listen(peers, start, seconds(1));
  CHECK(peers.beat(start + seconds(1))->present.size() == 2);
  listen(peers, start + seconds(1), seconds(2));
  peers.heard(1, start + seconds(3));
  const auto beat = peers.beat(listen(peers, start + seconds(3), seconds(1)));
  REQUIRE(beat);
  CHECK(beat->silent == std::vector<SessionId>{2});
  CHECK(beat->present == std::vector<SessionId>{1});
}

TEST_CASE("peers: what the broker has not read is nobody's silence") {
  Peers peers(EngineOptions{});
  const TimePoint start{std::chrono::hours(1)};
  peers.add(1, hello_of(Uuid::make()), start).is_welcomed = true;
  static_cast<void>(peers.listened(message::Role::client, start));
  // It reads clients' messages, and has not come to those of the consumers.
  for (int s = 1; s <= 10; ++s) {
    CHECK_FALSE(peers.listened(message::Role::client, start + seconds(s)));
    CHECK(peers.beat(start + seconds(s))->silent.empty());
  }
  CHECK(peers.listened(kConsumer, start + seconds(10)));
  CHECK(peers.beat(listen(peers, start + seconds(10), seconds(3)))->silent.empty());
  CHECK(peers.beat(listen(peers, start + seconds(13), seconds(1)))->silent.size() == 1);
}

TEST_CASE("peers: after a pause of the broker's own every peer has a fresh liveness time") {
  Peers peers(EngineOptions{});
  const TimePoint start{std::chrono::hours(1)};
  peers.add(1, hello_of(Uuid::make()), start).is_welcomed = true;
  listen(peers, start, seconds(3));
  const TimePoint paused = start + seconds(60);
  CHECK(peers.listened(kConsumer, paused));
  CHECK(peers.beat(paused)->silent.empty());
  CHECK(peers.beat(listen(peers, paused, seconds(3)))->silent.empty());
  CHECK(peers.beat(listen(peers, paused + seconds(3), seconds(1)))->silent.size() == 1);
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
  CHECK_FALSE(peers.is_wait_over());
  CHECK(peers.is_late(hello_of(back)));
  peers.came(back);
  listen(peers, start, seconds(2));
  CHECK_FALSE(peers.is_wait_over());
  // Its own pause does not count here either.
  CHECK(peers.listened(kConsumer, start + seconds(60)));
  listen(peers, start + seconds(60), seconds(2));
  CHECK_FALSE(peers.is_wait_over());
  listen(peers, start + seconds(62), seconds(1));
  CHECK(peers.is_wait_over());
  CHECK(peers.give_up().size() == 1);
  CHECK_FALSE(peers.is_waiting());
  // It was given up, so it is not believed when it names attempts.
  CHECK(peers.is_late(hello_of(missing, {{Uuid::make(), 1}})));
  CHECK_FALSE(peers.is_late(hello_of(missing)));
  peers.lost(missing, false);
  CHECK_FALSE(peers.is_late(hello_of(missing, {{Uuid::make(), 1}})));
}

}  // namespace zebu::broker
