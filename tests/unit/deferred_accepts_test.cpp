#include "broker/server/deferred_accepts.h"

#include "tests/support/catch.h"

// Which ACCEPTED still leaves, when its DONE may leave in its place.
using zebu::JobId;
using zebu::Uuid;
using zebu::broker::DeferredAccepts;
using zebu::broker::SessionId;

namespace {

constexpr SessionId kClient = 1;
constexpr SessionId kOther = 2;
using Ids = std::vector<JobId>;

Ids taken(DeferredAccepts& accepts, SessionId client) {
  Ids ids;
  accepts.take(client, [&](const JobId& id) { ids.push_back(id); });
  return ids;
}
std::vector<std::pair<SessionId, JobId>> all_taken(DeferredAccepts& accepts) {
  std::vector<std::pair<SessionId, JobId>> all;
  accepts.take_all([&](SessionId client, const JobId& id) { all.emplace_back(client, id); });
  return all;
}
Ids deferred(DeferredAccepts& accepts, SessionId client, int count) {
  Ids ids;
  for (int i = 0; i < count; ++i) accepts.defer(client, ids.emplace_back(Uuid::make()));
  return ids;
}

}  // namespace

TEST_CASE("deferred ACCEPTEDs are taken once, in order, each client's apart") {
  DeferredAccepts accepts;
  CHECK(accepts.empty());
  const Ids mine = deferred(accepts, kClient, 3);
  const Ids others = deferred(accepts, kOther, 1);
  CHECK(taken(accepts, kClient) == mine);
  CHECK(taken(accepts, kClient).empty());
  CHECK_FALSE(accepts.empty());
  CHECK(taken(accepts, kOther) == others);
  CHECK(accepts.empty());
}

TEST_CASE("taking all of them leaves none, and later ones are taken again") {
  DeferredAccepts accepts;
  for (int round = 0; round < 3; ++round) {
    const JobId mine = deferred(accepts, kClient, 1)[0];
    const JobId others = deferred(accepts, kOther, 1)[0];
    const std::vector<std::pair<SessionId, JobId>> expected = {{kClient, mine}, {kOther, others}};
    CHECK(all_taken(accepts) == expected);
    CHECK(accepts.empty());
    CHECK(all_taken(accepts).empty());
  }
}

TEST_CASE("a DONE that leaves now replaces the ACCEPTED of that job and client only") {
  DeferredAccepts accepts;
  const Ids ids = deferred(accepts, kClient, 3);
  accepts.defer(kOther, ids[1]);
  accepts.replace(kClient, ids[1]);
  accepts.replace(kClient, Uuid::make());
  CHECK(taken(accepts, kClient) == Ids{ids[0], ids[2]});
  CHECK(taken(accepts, kOther) == Ids{ids[1]});
}

TEST_CASE("the last ACCEPTED that a DONE replaces leaves nothing deferred") {
  DeferredAccepts accepts;
  accepts.replace(kClient, deferred(accepts, kClient, 1)[0]);
  CHECK(accepts.empty());
  CHECK(all_taken(accepts).empty());
}

TEST_CASE("a DONE that waits for a commit replaces the ACCEPTED that is still deferred then") {
  DeferredAccepts accepts;
  const Ids ids = deferred(accepts, kClient, 2);
  accepts.replace_with(kClient, ids[0], 7);
  SECTION("once that batch is durable") {
    accepts.settle(7);
    CHECK(taken(accepts, kClient) == Ids{ids[1]});
  }
  SECTION("or a later one") {
    accepts.settle(8);
    CHECK(taken(accepts, kClient) == Ids{ids[1]});
  }
  SECTION("but not before") {
    accepts.settle(6);
    CHECK(taken(accepts, kClient) == ids);
  }
  SECTION("nor when it was told already") {
    CHECK(taken(accepts, kClient) == ids);
    accepts.settle(7);
  }
  CHECK(accepts.empty());
}

TEST_CASE("a DONE does not search for an old ACCEPTED, and both leave") {
  DeferredAccepts accepts;
  const Ids ids = deferred(accepts, kClient, 100);
  accepts.replace(kClient, ids[0]);
  accepts.replace(kClient, ids[99]);
  CHECK(taken(accepts, kClient) == Ids(ids.begin(), ids.end() - 1));
}

TEST_CASE("nothing is deferred for a client that is gone") {
  DeferredAccepts accepts;
  deferred(accepts, kClient, 2);
  const Ids others = deferred(accepts, kOther, 1);
  accepts.forget(kClient);
  accepts.forget(kClient);
  CHECK_FALSE(accepts.empty());
  CHECK(taken(accepts, kClient).empty());
  CHECK(taken(accepts, kOther) == others);
  CHECK(accepts.empty());
}
