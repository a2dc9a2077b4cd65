#include "broker/engine/batches.h"

#include "tests/support/catch.h"

namespace zebu::broker {

TEST_CASE("batches: a reply waits for the commit that holds what it says, and for no other") {
  Batches batches;
  CHECK_FALSE(batches.due(0));
  const BatchNumber first = batches.record();
  CHECK(first == batches.open());
  CHECK(batches.due(first) == first);
  CHECK(batches.seal() == first);
  const BatchNumber second = batches.record();
  CHECK(second == first + 1);
  CHECK(batches.newest() == second);
  batches.settle(first);
  CHECK_FALSE(batches.due(first));
  CHECK(batches.due(second) == second);
  CHECK_FALSE(batches.is_settled(second));
}

TEST_CASE("batches: the newest one with a record is not the open one before it has one") {
  Batches batches;
  CHECK(batches.newest() == 0);
  (void)batches.record();
  (void)batches.seal();
  CHECK(batches.newest() == 1);
  CHECK(batches.open() == 2);
}

}  // namespace zebu::broker
