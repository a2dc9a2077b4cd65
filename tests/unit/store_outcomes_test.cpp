#include "tests/support/catch.h"
#include "tests/support/store_fixture.h"

namespace zebu::broker {

using namespace zebu::test;

// What every store must do with unique keys and with jobs that have ended: each test runs on every kind.
#define EVERY_STORE StoreUnderTest store(GENERATE(Catch::Generators::from_range(kStoreKinds)))

namespace {

JobSpec unique_job(std::uint64_t sequence, WallTime submitted = at_second(1000)) {
  JobSpec spec = job(sequence);
  spec.options.unique = "report:today";
  spec.submitted = submitted;
  return spec;
}

}  // namespace

TEST_CASE("a unique key keeps others out while its job is unfinished") {
  EVERY_STORE;
  const SharedSpec first = shared(unique_job(1)), second = shared(unique_job(2)), third = shared(unique_job(3));
  store.commit({JobAccepted{first}, AttemptStarted{first, 1, Uuid::make()}});
  (void)store.reopen();
  const auto duplicates = store.commit({JobAccepted{second}, JobEvicted{second}});
  REQUIRE(duplicates.size() == 1);
  CHECK(duplicates[0].spec->id == second->id);
  CHECK(duplicates[0].of == first->id);
  CHECK_FALSE(store.find(second->id));
  CHECK(store.commit({finished(first), JobAccepted{third}}).empty());
}

TEST_CASE("the same unique key in another queue is another key") {
  EVERY_STORE;
  JobSpec elsewhere = unique_job(2);
  elsewhere.queue = "reports";
  JobSpec its_twin = unique_job(3);
  its_twin.queue = "reports";
  // Queue and key run together like those of `elsewhere`.
  JobSpec alike = unique_job(4);
  alike.queue = "report";
  alike.options.unique = "s" + alike.options.unique;
  const SharedSpec first = shared(unique_job(1)), second = shared(elsewhere);
  CHECK(store.commit({JobAccepted{first}, JobAccepted{second}, JobAccepted{shared(alike)}}).empty());
  (void)store.reopen();
  const auto duplicates = store.commit({JobAccepted{shared(its_twin)}});
  REQUIRE(duplicates.size() == 1);
  CHECK(duplicates[0].of == second->id);
  store.commit({finished(second)});
  CHECK(store.commit({JobAccepted{shared(its_twin)}}).empty());
  CHECK(store.commit({JobAccepted{shared(unique_job(5))}}).size() == 1);
}

TEST_CASE("a unique key that is held while queued is free once the job has begun") {
  EVERY_STORE;
  JobSpec spec = unique_job(1);
  spec.options.unique_while = UniqueWhile::queued;
  const SharedSpec first = shared(spec), second = shared(unique_job(2)), third = shared(unique_job(3));
  store.commit({JobAccepted{first}});
  CHECK(store.commit({JobAccepted{second}}).size() == 1);
  CHECK(store.commit({AttemptStarted{first, 1, Uuid::make()}, JobAccepted{second}}).empty());
  CHECK(store.commit({finished(first), JobAccepted{third}}).size() == 1);
}

TEST_CASE("a unique key stays with a job for a time after its success, and not after a failure") {
  EVERY_STORE;
  JobSpec spec = unique_job(1);
  spec.options.unique_for = std::chrono::seconds(60);
  const SharedSpec first = shared(spec);
  const bool succeeds = GENERATE(true, false);
  store.commit({JobAccepted{first}, finished(first, succeeds ? succeeded() : failed())});
  (void)store.reopen();
  CHECK(store.commit({JobAccepted{shared(unique_job(2, at_second(2059)))}}).size() == (succeeds ? 1 : 0));
  if (succeeds) CHECK(store.commit({JobAccepted{shared(unique_job(3, at_second(2060)))}}).empty());
}

TEST_CASE("forgetting drops outcomes whose time is up, in steps, and their unique keys") {
  EVERY_STORE;
  JobSpec spec = unique_job(1);
  spec.options.unique_for = std::chrono::hours(1);
  const SharedSpec first = shared(spec), second = shared_job(2), third = shared_job(3), kept = shared_job(4);
  JobFinished later = finished(third);
  later.forget_at = at_second(3000) + std::chrono::milliseconds(1);
  JobFinished never = finished(kept, failed());
  never.forget_at.reset();
  store.commit({JobAccepted{first}, JobAccepted{second}, JobAccepted{third}, JobAccepted{kept}, finished(first),
                finished(second, failed()), later, never});
  CHECK(store->forget(at_second(2999), 10)->empty());
  const auto one = *store->forget(at_second(3000), 1);
  const auto two = *store->forget(at_second(3000), 10);
  REQUIRE(one.size() == 1);
  REQUIRE(two.size() == 1);
  CHECK(one[0].id != two[0].id);
  CHECK((one[0].id == second->id ? one : two)[0].state == JobState::failed);
  CHECK(one[0].queue == "default");
  CHECK(store.commit({JobAccepted{shared(unique_job(5))}}).empty());
  const Recovered recovered = store.reopen();
  CHECK(recovered.counts == std::array<std::uint64_t, kJobStates>{0, 1, 0, 1, 1, 0, 0});
  CHECK(recovered.queues.at(0).failed == 1);
  CHECK(store->forget(at_second(9999), 10)->at(0).id == third->id);
  CHECK(store.find(kept->id));
  CHECK_FALSE(store.find(first->id));
}

TEST_CASE("of a queue with too many failed jobs the oldest are dropped, in steps") {
  EVERY_STORE;
  std::vector<SharedSpec> jobs;
  std::vector<Record> records;
  for (std::uint64_t i = 0; i < 7; ++i) {
    JobSpec spec = job(i + 1);
    if (i == 6) spec.queue = "reports";
    jobs.push_back(shared(spec));
    records.push_back(JobAccepted{jobs.back()});
  }
  // They fail in another order than they came in.
  for (const std::uint64_t i : {3U, 0U, 4U, 1U, 2U, 6U}) {
    JobFinished record = finished(jobs[i], failed());
    record.finished = at_second(2000 + static_cast<std::int64_t>(records.size()));
    record.forget_at = at_second(9000);
    records.push_back(record);
  }
  records.push_back(finished(jobs[5], succeeded()));
  store.commit(records);
  if (GENERATE(false, true)) (void)store.reopen();
  const auto forgotten = [&](std::uint64_t keep, std::size_t limit) {
    std::vector<JobId> ids;
    const auto dropped = store->forget_failed({"nothing", "default", "reports"}, keep, limit);
    for (const Dropped& one : *dropped) {
      CHECK(one.state == JobState::failed);
      ids.push_back(one.id);
    }
    return ids;
  };
  CHECK(forgotten(5, 10).empty());
  CHECK(forgotten(1, 2) == std::vector<JobId>{jobs[3]->id, jobs[0]->id});
  CHECK_FALSE(store.find(jobs[3]->id));
  store.commit({JobForgotten{jobs[4]->id}});
  CHECK(forgotten(1, 10) == std::vector<JobId>{jobs[1]->id});
  CHECK(store.find(jobs[5]->id));
  const Recovered recovered = store.reopen();
  CHECK(recovered.counts == std::array<std::uint64_t, kJobStates>{0, 0, 0, 1, 2, 0, 0});
  CHECK(forgotten(0, 10) == std::vector<JobId>{jobs[2]->id, jobs[6]->id});
  CHECK(store->forget(at_second(9000), 10)->size() == 1);
}

TEST_CASE("a finished job is dropped when a record says so, at once or later") {
  EVERY_STORE;
  const SharedSpec first = shared_job(1), second = shared_job(2), running = shared_job(3);
  store.commit(
      {JobAccepted{first}, JobAccepted{second}, JobAccepted{running}, finished(first), finished(second, failed())});
  store.commit({JobForgotten{first->id}, JobForgotten{second->id, at_second(5000)}, JobForgotten{running->id}});
  (void)store.reopen();
  CHECK_FALSE(store.find(first->id));
  CHECK(store.find(running->id));
  CHECK(store->forget(at_second(4999), 10)->empty());
  CHECK(store->forget(at_second(5000), 10)->size() == 1);
  CHECK_FALSE(store.find(second->id));
}

}  // namespace zebu::broker
