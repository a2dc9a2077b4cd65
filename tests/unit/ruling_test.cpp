#include "broker/engine/life/ruling.h"

#include "tests/support/catch.h"
#include "tests/support/store_fixture.h"

namespace zebu::broker {

using zebu::test::spec_with;

namespace {

struct Row {
  const char* what;
  Outcome outcome;
  bool cancel_asked;
  bool acks_early;
  Uses before;
  Ruling::Next next;
  JobState state;  // of finish
  Uses after;
};

Outcome failure(ErrorKind kind) { return Outcome::failed({"Boom", "it broke", {}, kind}); }
Outcome success() {
  Outcome outcome;
  outcome.state = JobState::succeeded;
  return outcome;
}

}  // namespace

TEST_CASE("ruling: each end of an attempt has one consequence") {
  using Next = Ruling::Next;
  const auto ok = JobState::succeeded;
  const auto bad = JobState::failed;
  const auto off = JobState::cancelled;
  const std::vector<Row> rows = {
      {"a result", success(), false, false, {1, 0, 0, 0}, Next::finish, ok, {1, 0, 0, 0}},
      {"a result after a cancel", success(), true, false, {1, 0, 0, 0}, Next::finish, ok, {1, 0, 0, 0}},
      {"a first failure", failure(ErrorKind::failure), false, false, {1, 0, 0, 0}, Next::reschedule, bad, {1, 1, 0, 0}},
      {"the last failure", failure(ErrorKind::failure), false, false, {3, 2, 0, 0}, Next::finish, bad, {3, 3, 0, 0}},
      {"a failure at most once",
       failure(ErrorKind::failure),
       false,
       true,
       {1, 0, 0, 0},
       Next::finish,
       bad,
       {1, 1, 0, 0}},
      {"a failure after a cancel",
       failure(ErrorKind::failure),
       true,
       false,
       {1, 0, 0, 0},
       Next::finish,
       off,
       {1, 1, 0, 0}},
      {"a permanent failure",
       failure(ErrorKind::permanent),
       false,
       false,
       {1, 0, 0, 0},
       Next::finish,
       bad,
       {1, 0, 0, 0}},
      {"a crash", failure(ErrorKind::crash), false, false, {1, 0, 0, 0}, Next::requeue, bad, {1, 0, 1, 0}},
      {"the last crash", failure(ErrorKind::crash), false, false, {3, 0, 2, 0}, Next::finish, bad, {3, 0, 3, 0}},
      {"a crash at most once", failure(ErrorKind::crash), false, true, {1, 0, 0, 0}, Next::finish, bad, {1, 0, 1, 0}},
      {"a crash after a cancel", failure(ErrorKind::crash), true, false, {1, 0, 0, 0}, Next::finish, off, {1, 0, 1, 0}},
      {"cancelled as asked", Outcome::cancelled(), true, false, {1, 0, 0, 0}, Next::finish, off, {1, 0, 0, 0}},
      {"cancelled unasked", Outcome::cancelled(), false, false, {1, 0, 0, 0}, Next::requeue, off, {1, 0, 0, 1}},
  };
  EngineOptions limits;
  limits.max_crashes = 3;
  const Judge judge(limits);
  for (const Row& row : rows) {
    INFO(row.what);
    JobOptions options;
    options.retry.max = 2;
    options.acks_early = row.acks_early;
    const SharedSpec spec = spec_with(1, options);
    const Ruling ruling = judge.ended({*spec, row.before, row.cancel_asked}, row.outcome);
    CHECK(ruling.next == row.next);
    CHECK(ruling.uses == row.after);
    CHECK(ruling.frees_holder);
    if (row.next == Next::finish) CHECK(ruling.outcome->state == row.state);
    CHECK((ruling.delay.count() > 0) == (row.next == Next::reschedule));
  }
}

TEST_CASE("ruling: a lost consumer's job goes back, and may be claimed only if the consumer was just silent") {
  EngineOptions limits;
  limits.max_losses = 2;
  const Judge judge(limits);
  const SharedSpec spec = spec_with(1);
  const Uses uses{1, 0, 0, 0};
  const Ruling silent = judge.lost({*spec, uses, false}, End::lost, Blame::charged);
  CHECK(silent.next == Ruling::Next::requeue);
  CHECK(silent.uses.losses == 1);
  CHECK(judge.lost({*spec, uses, false}, End::lost, Blame::suspect).uses.losses == 0);
  CHECK_FALSE(silent.frees_holder);
  for (const End how : {End::said_bye, End::replaced}) {
    const Ruling ruling = judge.lost({*spec, uses, false}, how, Blame::charged);
    CHECK(ruling.next == Ruling::Next::requeue);
    CHECK(ruling.uses.losses == 0);
    CHECK(ruling.frees_holder);
  }
  CHECK(judge.lost({*spec, {2, 0, 0, 1}, false}, End::lost, Blame::charged).outcome->error.type ==
        "zebu::ConsumerLost");
  CHECK(judge.lost({*spec, uses, true}, End::lost, Blame::charged).outcome->state == JobState::cancelled);
}

TEST_CASE("ruling: a job that runs at most once fails with its consumer, unless it never reached it") {
  JobOptions options;
  options.acks_early = true;
  const Judge judge(EngineOptions{});
  const SharedSpec spec = spec_with(1, options);
  CHECK(judge.lost({*spec, {1, 0, 0, 0}, false}, End::lost, Blame::charged).next == Ruling::Next::finish);
  CHECK(judge.lost({*spec, {1, 0, 0, 0}, false}, End::said_bye, Blame::charged).next == Ruling::Next::finish);
  CHECK(judge.lost({*spec, {1, 0, 0, 0}, false}, End::replaced, Blame::charged).next == Ruling::Next::requeue);
}

}  // namespace zebu::broker
