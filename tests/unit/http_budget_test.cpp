#include "http/budget.h"
#include "tests/support/catch.h"

using zebu::http::Budget;

TEST_CASE("shares of a budget have room as long as the others leave some") {
  Budget budget(100);
  Budget::Share first(budget);
  Budget::Share second(budget);
  CHECK(first.resize(60));
  CHECK(second.resize(40));
  CHECK_FALSE(second.resize(41));
  CHECK(second.resize(40));  // unchanged
  CHECK(second.resize(10));
  CHECK(first.resize(90));
  first.release();
  CHECK(second.resize(100));
}

TEST_CASE("whoever is alone may have more than the budget, and gives it back when it goes") {
  Budget budget(100);
  Budget::Share first(budget);
  {
    Budget::Share alone(budget);
    CHECK(alone.resize(1000));
    CHECK_FALSE(first.resize(1));
    CHECK(first.resize(0));
  }
  CHECK(first.resize(100));
}

TEST_CASE("what has many parts stays within the budget, alone or not") {
  Budget budget(100);
  Budget::Share alone(budget);
  CHECK(alone.resize_within(100));
  CHECK_FALSE(alone.resize_within(101));
  CHECK(alone.resize_within(90));
  Budget::Share other(budget);
  CHECK(other.resize_within(10));
  CHECK_FALSE(other.resize_within(11));
  CHECK_FALSE(alone.resize_within(91));
  // What it has already it may keep.
  Budget large(10);
  Budget::Share first(large);
  CHECK(first.resize(1000));
  CHECK(first.resize_within(999));
}
