#include "broker/engine/peers/waiters.h"

#include "tests/support/catch.h"

namespace zebu::broker {
namespace {

std::vector<SessionId> told(const Waiters& waiters, const WaiterList& list) {
  std::vector<SessionId> sessions;
  waiters.tell(list, [&](SessionId session) { sessions.push_back(session); });
  return sessions;
}

}  // namespace

TEST_CASE("waiters: a session is told once of a job, in memory or not, until it ends") {
  Waiters waiters;
  for (const SessionId session : {1, 2}) waiters.session_began(session);
  const JobId id = Uuid::make();
  WaiterList list;
  waiters.add(list, 1);
  waiters.add(list, 1);
  waiters.add(list, 2);
  CHECK(told(waiters, list) == std::vector<SessionId>{1, 2});
  waiters.job_left(id, std::move(list));
  waiters.add_absent(id, 1);
  waiters.session_ended(2);
  CHECK(told(waiters, waiters.job_came(id)) == std::vector<SessionId>{1});
  CHECK(waiters.job_came(id).empty());
}

TEST_CASE("waiters: waits end with their session, also for jobs that nobody asks for again") {
  Waiters waiters;
  waiters.session_began(1);
  waiters.session_began(2);
  for (int i = 0; i < 1000; ++i) waiters.add_absent(Uuid::make(), 1);
  const JobId of_both = Uuid::make();
  waiters.add_absent(of_both, 1);
  waiters.add_absent(of_both, 2);
  CHECK_FALSE(waiters.sweep(100));
  CHECK(waiters.absent_jobs() == 1001);
  waiters.session_ended(1);
  int steps = 0;
  while (waiters.sweep(100)) REQUIRE(++steps < 1000);
  CHECK(steps > 1);
  CHECK(waiters.absent_jobs() == 1);
  CHECK(told(waiters, waiters.job_came(of_both)) == std::vector<SessionId>{2});
}

TEST_CASE("waiters: a list does not grow with reconnections") {
  Waiters waiters;
  WaiterList list;
  for (SessionId session = 1; session <= 100; ++session) {
    waiters.session_began(session);
    waiters.add(list, session);
    waiters.session_ended(session);
  }
  CHECK(list.size() <= 1);
}

TEST_CASE("waiters: a client that left is not told, and an answer that waits for a commit is given once") {
  Waiters waiters;
  waiters.session_began(1);
  const JobId id = Uuid::make();
  waiters.add_absent(id, 1);
  waiters.remove_absent(id, 1);
  CHECK(waiters.absent_jobs() == 0);
  waiters.answer_when_settled(id, 1);
  CHECK(waiters.take_asker(id) == SessionId(1));
  CHECK_FALSE(waiters.take_asker(id));
}

}  // namespace zebu::broker
