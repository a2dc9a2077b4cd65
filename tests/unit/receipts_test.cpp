#include "broker/engine/peers/receipts.h"

#include "tests/support/catch.h"

namespace zebu::broker {

TEST_CASE("receipts: outcomes are confirmed when their commit is done, those of a later batch with theirs") {
  Batches batches;
  Receipts receipts;
  receipts.depends_on(batches.record());
  receipts.add(2, 10);
  receipts.seal();
  const BatchNumber first = batches.seal();
  receipts.depends_on(batches.record());
  receipts.add(1, 10);
  CHECK_FALSE(receipts.at_once(false));
  batches.settle(first);
  const auto kept = receipts.settled(batches, false);
  REQUIRE(kept);
  CHECK(kept->count == 2);
  CHECK_FALSE(kept->at_once);
  CHECK(receipts.is_waiting());
  batches.settle(batches.seal());
  CHECK(receipts.settled(batches, true)->count == 3);
  CHECK_FALSE(receipts.is_waiting());
}

TEST_CASE("receipts: a consumer that drains, or keeps much, is told at once") {
  Receipts receipts;
  receipts.add(1, 1);
  CHECK_FALSE(receipts.at_once(false)->at_once);
  CHECK(receipts.at_once(true)->at_once);
  receipts.add(256, 1);
  CHECK(receipts.at_once(false)->at_once);
  receipts.add(1, 64U << 10);
  CHECK(receipts.at_once(false)->at_once);
  CHECK_FALSE(Receipts().at_once(true));
}

TEST_CASE("receipts: outcomes that came in parts are confirmed by name, each once and not before its commit") {
  const AttemptId first{Uuid::make(), 1};
  const AttemptId second{Uuid::make(), 2};
  Batches batches;
  Receipts receipts;
  receipts.depends_on(batches.record());
  receipts.add_in_parts(first, 70'000);
  CHECK_FALSE(receipts.at_once(true));
  receipts.seal();
  const BatchNumber sealed = batches.seal();
  receipts.depends_on(batches.record());
  receipts.add_in_parts(second, 70'000);
  receipts.add(1, 10);
  batches.settle(sealed);
  const auto kept = receipts.settled(batches, false);
  REQUIRE(kept);
  CHECK(kept->count == 0);
  CHECK(kept->in_parts == std::vector{first});
  CHECK(kept->at_once);
  batches.settle(batches.seal());
  const auto rest = receipts.settled(batches, false);
  REQUIRE(rest);
  CHECK(rest->count == 1);
  CHECK(rest->in_parts == std::vector{second});
  CHECK(receipts.at_once(true)->in_parts.empty());
}

}  // namespace zebu::broker
