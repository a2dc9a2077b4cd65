#include "broker/engine/batches.h"
#include "broker/engine/life/ruling.h"
#include "broker/engine/life/unique_keys.h"
#include "broker/engine/peers/claims.h"
#include "broker/engine/peers/peers.h"
#include "broker/engine/peers/receipts.h"
#include "broker/engine/peers/waiters.h"
#include "tests/support/catch.h"

#include <algorithm>

using namespace zebu;
using namespace zebu::broker;
using std::chrono::seconds;

namespace {

SharedSpec spec_with(std::uint64_t sequence, JobOptions options = {}) {
  JobSpec spec;
  spec.id = Uuid::make();
  spec.sequence = sequence;
  spec.task = "fib";
  spec.queue = "default";
  spec.options = std::move(options);
  return std::make_shared<const JobSpec>(spec);
}

std::vector<SessionId> told(const Waiters& waiters, const WaiterList& list) {
  std::vector<SessionId> sessions;
  waiters.tell(list, [&](SessionId session) { sessions.push_back(session); });
  return sessions;
}

}  // namespace

// ── batches ─────────────────────────────────────────────────────────────────────────────────────────────────────────

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

// ── receipts ────────────────────────────────────────────────────────────────────────────────────────────────────────

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

// ── waiters ─────────────────────────────────────────────────────────────────────────────────────────────────────────

TEST_CASE("waiters: a session hears of a job once, in memory or not, as long as it is there") {
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

// ── claims ──────────────────────────────────────────────────────────────────────────────────────────────────────────

TEST_CASE("claims: a consumer keeps the newest attempt that it was given, and no other") {
  const InstanceId mine = Uuid::make();
  const InstanceId other = Uuid::make();
  Claims claims;
  claims.restored_below(10);
  Job job;
  job.spec = spec_with(5);
  job.uses.attempt = 2;
  job.holder = mine;
  job.state = JobState::running;
  SECTION("its own") {
    job.session = 7;
    CHECK(claims.may_keep(job, {mine, false}, 2));
    CHECK_FALSE(claims.may_keep(job, {mine, false}, 1));
    CHECK_FALSE(claims.may_keep(job, {other, false}, 2));
    CHECK_FALSE(claims.may_keep(job, {other, false}, 3));  // a newer attempt, while another session has the job
  }
  SECTION("one that no record told of before a restart") {
    job.state = JobState::queued;
    CHECK(claims.may_keep(job, {other, false}, 3));
    CHECK_FALSE(claims.may_keep(job, {other, true}, 3));
    job.spec = spec_with(10);  // of a job that came since
    CHECK_FALSE(claims.may_keep(job, {other, false}, 3));
  }
  SECTION("not of a job that is finished, fresh or waits for its time") {
    for (const JobState state : {JobState::succeeded, JobState::failed, JobState::scheduled}) {
      job.state = state;
      CHECK_FALSE(claims.may_keep(job, {mine, false}, 2));
    }
    job.state = JobState::queued;
    job.place = Place::fresh;
    CHECK_FALSE(claims.may_keep(job, {mine, false}, 2));
  }
}

TEST_CASE("claims: attempts go on behind those that were refused, until their session ends") {
  Claims claims;
  Job job;
  job.spec = spec_with(1);
  job.uses.attempt = 1;
  claims.refuse({3, {job.spec->id, 4}});
  CHECK(claims.skip_strays(job));
  CHECK(job.uses.attempt == 4);
  claims.session_ended(3);
  CHECK_FALSE(claims.skip_strays(job));
}

TEST_CASE("claims: the restart's wait lasts until all claims are decided") {
  Claims claims;
  CHECK_FALSE(claims.has_open());
  claims.asked();
  CHECK(claims.has_open());
  claims.answered();
  claims.too_early({1, {}});
  CHECK(claims.has_open());
  CHECK(claims.take_early().size() == 1);
  CHECK_FALSE(claims.has_open());
}

// ── ruling ──────────────────────────────────────────────────────────────────────────────────────────────────────────

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

Outcome failed(ErrorKind kind) { return Outcome::failed({"Boom", "it broke", {}, kind}); }
Outcome succeeded() {
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
      {"a result", succeeded(), false, false, {1, 0, 0, 0}, Next::finish, ok, {1, 0, 0, 0}},
      {"a result after a cancel", succeeded(), true, false, {1, 0, 0, 0}, Next::finish, ok, {1, 0, 0, 0}},
      {"a first failure", failed(ErrorKind::failure), false, false, {1, 0, 0, 0}, Next::reschedule, bad, {1, 1, 0, 0}},
      {"the last failure", failed(ErrorKind::failure), false, false, {3, 2, 0, 0}, Next::finish, bad, {3, 3, 0, 0}},
      {"a failure at most once",
       failed(ErrorKind::failure),
       false,
       true,
       {1, 0, 0, 0},
       Next::finish,
       bad,
       {1, 1, 0, 0}},
      {"a failure after a cancel",
       failed(ErrorKind::failure),
       true,
       false,
       {1, 0, 0, 0},
       Next::finish,
       off,
       {1, 1, 0, 0}},
      {"a permanent failure",
       failed(ErrorKind::permanent),
       false,
       false,
       {1, 0, 0, 0},
       Next::finish,
       bad,
       {1, 0, 0, 0}},
      {"a crash", failed(ErrorKind::crash), false, false, {1, 0, 0, 0}, Next::requeue, bad, {1, 0, 1, 0}},
      {"the last crash", failed(ErrorKind::crash), false, false, {3, 0, 2, 0}, Next::finish, bad, {3, 0, 3, 0}},
      {"a crash at most once", failed(ErrorKind::crash), false, true, {1, 0, 0, 0}, Next::finish, bad, {1, 0, 1, 0}},
      {"a crash after a cancel", failed(ErrorKind::crash), true, false, {1, 0, 0, 0}, Next::finish, off, {1, 0, 1, 0}},
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
  const Ruling silent = judge.lost({*spec, uses, false}, End::lost);
  CHECK(silent.next == Ruling::Next::requeue);
  CHECK(silent.uses.losses == 1);
  CHECK_FALSE(silent.frees_holder);
  for (const End how : {End::said_bye, End::replaced}) {
    const Ruling ruling = judge.lost({*spec, uses, false}, how);
    CHECK(ruling.next == Ruling::Next::requeue);
    CHECK(ruling.uses.losses == 0);
    CHECK(ruling.frees_holder);
  }
  CHECK(judge.lost({*spec, {2, 0, 0, 1}, false}, End::lost).outcome->error.type == "zebu::ConsumerLost");
  CHECK(judge.lost({*spec, uses, true}, End::lost).outcome->state == JobState::cancelled);
}

TEST_CASE("ruling: a job that runs at most once fails with its consumer, unless it never reached it") {
  JobOptions options;
  options.acks_early = true;
  const Judge judge(EngineOptions{});
  const SharedSpec spec = spec_with(1, options);
  CHECK(judge.lost({*spec, {1, 0, 0, 0}, false}, End::lost).next == Ruling::Next::finish);
  CHECK(judge.lost({*spec, {1, 0, 0, 0}, false}, End::said_bye).next == Ruling::Next::finish);
  CHECK(judge.lost({*spec, {1, 0, 0, 0}, false}, End::replaced).next == Ruling::Next::requeue);
}

// ── keys ────────────────────────────────────────────────────────────────────────────────────────────────────────────

TEST_CASE("unique keys: the newest job has a key, and an older one does not take it along") {
  TransientKeys keys;
  const JobId first = Uuid::make();
  const JobId second = Uuid::make();
  CHECK_FALSE(keys.holder("k"));
  keys.take("k", first);
  keys.take("k", second);
  keys.release("k", first);
  CHECK(keys.holder("k") == second);
  keys.release("k", second);
  CHECK_FALSE(keys.holder("k"));
  for (int i = 0; i < 2000; ++i) keys.take(std::to_string(i), first);
  keys.tidy(0, [](const JobId&) { return false; });
  CHECK_FALSE(keys.holder("1"));
}

TEST_CASE("failed jobs: one that is retried with a key stays until the store has said who has the key") {
  FailedJobs failed_jobs;
  StoredJob failed;
  failed.spec = spec_with(1);
  const JobId fresh = Uuid::make();
  CHECK(failed_jobs.may_retry(failed.spec->id));
  failed_jobs.retry_with_key(failed, fresh);
  CHECK_FALSE(failed_jobs.may_retry(failed.spec->id));
  CHECK(failed_jobs.settled(fresh)->spec->id == failed.spec->id);
  CHECK_FALSE(failed_jobs.settled(fresh));
  CHECK(failed_jobs.may_retry(failed.spec->id));
  CHECK(failed_jobs.forget(failed.spec->id, 3));
  CHECK_FALSE(failed_jobs.forget(failed.spec->id, 4));
  CHECK_FALSE(failed_jobs.dropped(failed.spec->id));
  failed_jobs.settle([](BatchNumber batch) { return batch <= 3; });
  CHECK(failed_jobs.dropped(failed.spec->id));
}

// ── peers ───────────────────────────────────────────────────────────────────────────────────────────────────────────

namespace {

message::Hello hello_of(const InstanceId& instance, std::vector<AttemptId> runs = {}) {
  message::Hello hello;
  hello.role = message::Role::consumer;
  hello.instance = instance;
  hello.consumer.runs = std::move(runs);
  return hello;
}

}  // namespace

TEST_CASE("peers: a session that is silent for longer than the liveness time is named, the others hear a beat") {
  EngineOptions options;
  options.liveness = seconds(3);
  Peers peers(options);
  const TimePoint start{std::chrono::hours(1)};
  CHECK_FALSE(peers.next_beat());
  peers.add(1, hello_of(Uuid::make()), start).is_welcomed = true;
  peers.add(2, hello_of(Uuid::make()), start).is_welcomed = true;
  CHECK_FALSE(peers.beat(start));
  CHECK(peers.beat(start + seconds(1))->present.size() == 2);
  peers.heard(1, start + seconds(3));
  const auto beat = peers.beat(start + seconds(4));
  REQUIRE(beat);
  CHECK(beat->silent == std::vector<SessionId>{2});
  CHECK(beat->present == std::vector<SessionId>{1});
}

TEST_CASE("peers: a newer session of an instance takes the older one's place") {
  Peers peers(EngineOptions{});
  const InstanceId instance = Uuid::make();
  peers.add(1, hello_of(instance), {});
  peers.add(2, hello_of(instance), {});
  CHECK(peers.session_of(instance) == SessionId(2));
  peers.remove(1);
  CHECK(peers.session_of(instance) == SessionId(2));
  peers.remove(2);
  CHECK_FALSE(peers.session_of(instance));
}

TEST_CASE("peers: a restarted broker waits for the consumers of before, and no longer than the liveness time") {
  EngineOptions options;
  Peers peers(options);
  const InstanceId back = Uuid::make();
  const InstanceId missing = Uuid::make();
  const TimePoint start{std::chrono::hours(1)};
  peers.expect({{back, true}, {missing, false}}, false, start);
  CHECK(peers.is_waiting());
  CHECK_FALSE(peers.is_wait_over(start));
  CHECK(peers.is_late(hello_of(back)));
  peers.came(back);
  CHECK_FALSE(peers.is_wait_over(start));
  CHECK(peers.is_wait_over(start + options.liveness));
  CHECK(peers.give_up().size() == 1);
  CHECK_FALSE(peers.is_waiting());
  // It was given up, so it is not believed when it names attempts.
  CHECK(peers.is_late(hello_of(missing, {{Uuid::make(), 1}})));
  CHECK_FALSE(peers.is_late(hello_of(missing)));
  peers.lost(missing, false);
  CHECK_FALSE(peers.is_late(hello_of(missing, {{Uuid::make(), 1}})));
}
