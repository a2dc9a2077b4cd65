#include "zebu/look_briefly.h"

#include "tests/support/catch.h"

using namespace zebu;

TEST_CASE("who looks in vain leaves looks out, more each time, until one is worth it") {
  BriefLooks looks(std::chrono::microseconds(1));
  int looked = 0;
  const auto in_vain = [&] { return ++looked, false; };
  // A look looks twice at least, one that is left out looks once.
  const auto left_out = [&] {
    int count = -1;
    do {
      ++count;
      looked = 0;
      CHECK_FALSE(looks.look(in_vain));
    } while (looked == 1);
    return count;
  };
  for (const int count : {0, 1, 3, 7, 15, 31, 63, 63}) CHECK(left_out() == count);
  // Found without looking: nothing is learned from that.
  CHECK(looks.look([] { return true; }));
  for (int i = 1; i < 63; ++i) CHECK_FALSE(looks.look(in_vain));
  // The next one is a real look again.
  CHECK(looks.look([&, calls = 0]() mutable { return ++calls == 2; }));
  CHECK(left_out() == 0);
}

TEST_CASE("without a moment to look for, what is there is found and nobody waits") {
  BriefLooks looks(std::chrono::microseconds(0));
  CHECK(looks.look([] { return true; }));
  CHECK_FALSE(looks.look([] { return false; }));
  CHECK(looks.look([] { return true; }));
}
