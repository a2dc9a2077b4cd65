#include "zebu/wire/hearing.h"

#include "tests/support/catch.h"

using namespace zebu;
using namespace std::chrono_literals;

namespace {

const TimePoint kStart = TimePoint() + 1h;
constexpr auto kLiveness = 3s;
constexpr auto kTolerance = 1s;

}  // namespace

TEST_CASE("a side that listens all the time takes the other one for gone after the liveness time") {
  Silence silence;
  silence.begin(kStart);
  for (auto at = 500ms; at <= 3000ms; at += 500ms) {
    silence.listened(kStart + at, kStart + at + 1ms, kTolerance);
    CHECK_FALSE(silence.is_longer(kLiveness, kStart + at));
  }
  CHECK(silence.is_longer(kLiveness, kStart + 3001ms));
  silence.begin(kStart + 3s);  // it says something
  CHECK_FALSE(silence.is_longer(kLiveness, kStart + 6s));
}

TEST_CASE("a pause of one's own is nobody's silence: the other side gets all its time again") {
  Silence silence;
  silence.begin(kStart);
  // It meant to look after half a second, and was stopped for a minute.
  const TimePoint back = kStart + 60s;
  silence.listened(kStart + 500ms, back, kTolerance);
  CHECK_FALSE(silence.is_longer(kLiveness, back));
  silence.listened(back + 500ms, back + 500ms, kTolerance);
  CHECK_FALSE(silence.is_longer(kLiveness, back + kLiveness));
  CHECK(silence.is_longer(kLiveness, back + kLiveness + 1ms));
}

TEST_CASE("a look that is a little late takes nothing back, and a late one never shortens the time") {
  Silence silence;
  silence.begin(kStart);
  silence.listened(kStart + 500ms, kStart + 1500ms, kTolerance);
  CHECK(silence.is_longer(kLiveness, kStart + 3001ms));
  silence.begin(kStart + 10s);
  silence.listened(kStart, kStart + 9s, kTolerance);
  CHECK_FALSE(silence.is_longer(kLiveness, kStart + 13s));
}

TEST_CASE("what is known to have been heard counts from when it was sent, not from its answer") {
  Hearing hearing;
  CHECK_FALSE(hearing.last());
  hearing.begin(kStart);
  CHECK(hearing.last() == kStart);
  const auto first = hearing.ask(kStart + 1s);
  const auto second = hearing.ask(kStart + 2s);
  REQUIRE(first);
  REQUIRE(second);
  CHECK(*first != *second);
  hearing.answered(*first);
  CHECK(hearing.last() == kStart + 1s);
  hearing.answered(*second);
  CHECK(hearing.last() == kStart + 2s);
  hearing.answered(*first);  // says nothing new
  CHECK(hearing.last() == kStart + 2s);
}

TEST_CASE("who may not be heard acts before the other side may give it up, whatever the margin") {
  Hearing hearing;
  hearing.begin(kStart);
  CHECK(hearing.act_at(3s, 1s, 0s) == kStart + 2500ms);
  CHECK(hearing.act_at(3s, 1s, 500ms) == kStart + 2s);
  CHECK(hearing.act_at(3s, 1s, 1h) == kStart + 1500ms);
  const auto asked = hearing.ask(kStart + 1s);
  REQUIRE(asked);
  CHECK(hearing.act_at(3s, 1s, 0s) == kStart + 2500ms);
  hearing.answered(*asked);
  CHECK(hearing.act_at(3s, 1s, 0s) == kStart + 3500ms);
}

TEST_CASE("a new session forgets what the old one did not hear") {
  Hearing hearing;
  hearing.begin(kStart);
  const auto asked = hearing.ask(kStart + 1s);
  REQUIRE(asked);
  hearing.begin(kStart + 5s);
  hearing.answered(*asked);
  CHECK(hearing.last() == kStart + 5s);
}

TEST_CASE("who hears no answer does not ask for ever") {
  Hearing hearing;
  hearing.begin(kStart);
  int asked = 0;
  while (asked < 1000 && hearing.ask(kStart)) ++asked;
  CHECK(asked < 1000);
}
