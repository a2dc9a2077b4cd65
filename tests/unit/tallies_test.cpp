#include "zebu/program/tallies.h"

#include "tests/support/catch.h"

#include <algorithm>

using namespace std::chrono_literals;
using zebu::Tallies;
using zebu::TimePoint;

namespace {
const TimePoint kTalliesStart(1000s);
}  // namespace

TEST_CASE("refusals are told when they begin, and with their number when none has come for a while") {
  Tallies refusals(Tallies::Ends::when_quiet, 5s);
  CHECK(refusals.add({"queue_full", "a"}, "1", kTalliesStart));
  CHECK_FALSE(refusals.add({"queue_full", "a"}, "2", kTalliesStart + 4s));
  CHECK(refusals.add({"queue_full", "b"}, "3", kTalliesStart + 4s));
  CHECK_FALSE(refusals.add({"queue_full", "a"}, "4", kTalliesStart + 8s));
  auto ended = refusals.tick(kTalliesStart + 9s);
  REQUIRE(ended.size() == 1);
  CHECK(ended[0].kind == Tallies::Kind{"queue_full", "b"});
  CHECK(ended[0].count == 1);
  ended = refusals.tick(kTalliesStart + 13s);
  REQUIRE(ended.size() == 1);
  CHECK(ended[0].kind == Tallies::Kind{"queue_full", "a"});
  CHECK(ended[0].count == 3);
  CHECK(ended[0].lasted == 8s);
  CHECK(ended[0].last == "4");
  CHECK(refusals.tick(kTalliesStart + 60s).empty());
  CHECK(refusals.add({"queue_full", "a"}, "5", kTalliesStart + 60s));
}

TEST_CASE("failures are told once in each window, however many come") {
  Tallies failures(Tallies::Ends::in_time, 60s);
  std::uint64_t first = 0;
  std::uint64_t counted = 0;
  for (int i = 0; i < 300; ++i) {
    const TimePoint now = kTalliesStart + std::chrono::seconds(i);
    for (const auto& ended : failures.tick(now)) counted += ended.count;
    if (failures.add({"fib", "E"}, "job", now)) ++first;
  }
  for (const auto& ended : failures.tick(kTalliesStart + 1000s)) counted += ended.count;
  CHECK(first == 5);
  CHECK(counted == 300);
}

TEST_CASE("kinds beyond the bound are counted as one") {
  Tallies errors(Tallies::Ends::in_time, 10s);
  for (std::size_t i = 0; i < Tallies::kMostKinds; ++i) CHECK(errors.add({std::to_string(i), ""}, "", kTalliesStart));
  CHECK(errors.add({"one more", ""}, "", kTalliesStart));
  for (int i = 0; i < 10'000; ++i) {
    REQUIRE_FALSE(errors.add({"and another one " + std::to_string(i), ""}, "", kTalliesStart));
  }
  const auto ended = errors.tick(kTalliesStart + 10s);
  CHECK(ended.size() == Tallies::kMostKinds + 1);
  const auto other =
      std::find_if(ended.begin(), ended.end(), [](const auto& each) { return each.kind.first == "other"; });
  REQUIRE(other != ended.end());
  CHECK(other->count == 10'001);
}
