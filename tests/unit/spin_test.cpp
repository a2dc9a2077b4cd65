#include "zebu/spin.h"

#include "tests/support/catch.h"

using namespace zebu;

TEST_CASE("each failed spin doubles how many calls skip spinning, and one success resets it") {
  AdaptiveSpin spin(std::chrono::microseconds(1));
  int asked = 0;
  const auto never = [&] { return ++asked, false; };
  // A spin asks at least twice, a call that skips it asks once.
  const auto skipped = [&] {
    int count = -1;
    do {
      ++count;
      asked = 0;
      CHECK_FALSE(spin.wait_for(never));
    } while (asked == 1);
    return count;
  };
  for (const int count : {0, 1, 3, 7, 15, 31, 63, 63}) CHECK(skipped() == count);
  // Found without spinning: nothing is learned from that.
  CHECK(spin.wait_for([] { return true; }));
  for (int i = 1; i < 63; ++i) CHECK_FALSE(spin.wait_for(never));
  // The next call spins again.
  CHECK(spin.wait_for([&, calls = 0]() mutable { return ++calls == 2; }));
  CHECK(skipped() == 0);
}

TEST_CASE("with a time of zero an event is found if it is there, without waiting") {
  AdaptiveSpin spin(std::chrono::microseconds(0));
  CHECK(spin.wait_for([] { return true; }));
  CHECK_FALSE(spin.wait_for([] { return false; }));
  CHECK(spin.wait_for([] { return true; }));
}
