#include "zebu/wire/hearing.h"

#include "tests/support/catch.h"

using namespace zebu;
using namespace std::chrono_literals;

namespace {

const TimePoint kHearingStart = TimePoint() + 1h;
constexpr auto kLiveness = 3s;
constexpr auto kTolerance = 1s;

}  // namespace

TEST_CASE("a side that listens all the time takes the other one for gone after the liveness time") {
  Silence silence;
  silence.begin(kHearingStart);
  for (auto at = 500ms; at <= 3000ms; at += 500ms) {
    silence.listened(kHearingStart + at, kHearingStart + at + 1ms, kTolerance);
    CHECK_FALSE(silence.is_longer(kLiveness, kHearingStart + at));
  }
  CHECK(silence.is_longer(kLiveness, kHearingStart + 3001ms));
  silence.begin(kHearingStart + 3s);  // it says something
  CHECK_FALSE(silence.is_longer(kLiveness, kHearingStart + 6s));
}

TEST_CASE("a pause of one's own is nobody's silence: the other side gets all its time again") {
  Silence silence;
  silence.begin(kHearingStart);
  // It meant to look after half a second, and was stopped for a minute.
  const TimePoint back = kHearingStart + 60s;
  silence.listened(kHearingStart + 500ms, back, kTolerance);
  CHECK_FALSE(silence.is_longer(kLiveness, back));
  silence.listened(back + 500ms, back + 500ms, kTolerance);
  CHECK_FALSE(silence.is_longer(kLiveness, back + kLiveness));
  CHECK(silence.is_longer(kLiveness, back + kLiveness + 1ms));
}

TEST_CASE("a look that is a little late takes nothing back, and a late one never shortens the time") {
  Silence silence;
  silence.begin(kHearingStart);
  silence.listened(kHearingStart + 500ms, kHearingStart + 1500ms, kTolerance);
  CHECK(silence.is_longer(kLiveness, kHearingStart + 3001ms));
  silence.begin(kHearingStart + 10s);
  silence.listened(kHearingStart, kHearingStart + 9s, kTolerance);
  CHECK_FALSE(silence.is_longer(kLiveness, kHearingStart + 13s));
}

TEST_CASE("what is known to have been heard counts from when it was sent, not from its answer") {
  Hearing hearing;
  CHECK_FALSE(hearing.last());
  hearing.begin(kHearingStart);
  CHECK(hearing.last() == kHearingStart);
  const auto first = hearing.ask(kHearingStart + 1s);
  const auto second = hearing.ask(kHearingStart + 2s);
  REQUIRE(first);
  REQUIRE(second);
  CHECK(*first != *second);
  hearing.answered(*first);
  CHECK(hearing.last() == kHearingStart + 1s);
  hearing.answered(*second);
  CHECK(hearing.last() == kHearingStart + 2s);
  hearing.answered(*first);  // says nothing new
  CHECK(hearing.last() == kHearingStart + 2s);
}

TEST_CASE("who may not be heard acts before the other side may give it up, whatever the margin") {
  Hearing hearing;
  hearing.begin(kHearingStart);
  CHECK(hearing.act_at(3s, 1s, 0s) == kHearingStart + 2500ms);
  CHECK(hearing.act_at(3s, 1s, 500ms) == kHearingStart + 2s);
  CHECK(hearing.act_at(3s, 1s, 1h) == kHearingStart + 1500ms);
  const auto asked = hearing.ask(kHearingStart + 1s);
  REQUIRE(asked);
  CHECK(hearing.act_at(3s, 1s, 0s) == kHearingStart + 2500ms);
  hearing.answered(*asked);
  CHECK(hearing.act_at(3s, 1s, 0s) == kHearingStart + 3500ms);
}

TEST_CASE("a new session forgets what the old one did not hear") {
  Hearing hearing;
  hearing.begin(kHearingStart);
  const auto asked = hearing.ask(kHearingStart + 1s);
  REQUIRE(asked);
  hearing.begin(kHearingStart + 5s);
  hearing.answered(*asked);
  CHECK(hearing.last() == kHearingStart + 5s);
}

TEST_CASE("who hears no answer does not ask for ever") {
  Hearing hearing;
  hearing.begin(kHearingStart);
  int asked = 0;
  while (asked < 1000 && hearing.ask(kHearingStart)) ++asked;
  CHECK(asked < 1000);
}
