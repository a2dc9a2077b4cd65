#include "memory_store.h"
#include "support/catch.h"
#include "support/engine_driver.h"

using namespace zebu;
using namespace zebu::broker;
using zebu::test::EngineDriver;

// What every store must do. A new one joins the list in each test.
namespace {

std::unique_ptr<Store> make_store() { return std::make_unique<MemoryStore>(100, 1U << 20); }

SharedSpec spec_of(std::uint64_t sequence) {
  return std::make_shared<JobSpec>(JobSpec{Uuid::make(), sequence, "fib", "default", "\x91\x1e", {}, {}});
}

SharedOutcome succeeded() {
  return std::make_shared<Outcome>(Outcome{JobState::succeeded, "\x08", {}, std::chrono::microseconds(7)});
}

std::vector<StoredJob> recovered(Store& store) {
  std::vector<StoredJob> jobs;
  REQUIRE(store.recover([&](StoredJob job) { jobs.push_back(std::move(job)); }));
  return jobs;
}

}  // namespace

TEST_CASE("a store gives back what was committed, unfinished jobs by age, then finished ones") {
  const auto store = make_store();
  const SharedSpec first = spec_of(1);
  const SharedSpec second = spec_of(2);
  const SharedSpec third = spec_of(3);
  const InstanceId holder = Uuid::make();
  REQUIRE(store->commit({JobAccepted{third}, JobAccepted{first}, JobAccepted{second}}));
  REQUIRE(store->commit({AttemptStarted{second->id, 1, holder}, AttemptStarted{first->id, 1, holder}}));
  REQUIRE(store->commit({JobFinished{first->id, succeeded(), WallTime(std::chrono::seconds(9))}}));
  const auto jobs = recovered(*store);
  REQUIRE(jobs.size() == 3);
  CHECK(jobs[0].spec->id == second->id);
  CHECK(jobs[0].state == JobState::running);
  CHECK(jobs[0].attempt == 1);
  CHECK(jobs[0].holder == holder);
  CHECK(jobs[1].spec->id == third->id);
  CHECK(jobs[1].state == JobState::queued);
  CHECK(jobs[2].spec->id == first->id);
  CHECK(jobs[2].state == JobState::succeeded);
  CHECK(*jobs[2].outcome == *succeeded());
}

TEST_CASE("a job that was put back is queued with the attempts that it used") {
  const auto store = make_store();
  const SharedSpec spec = spec_of(1);
  REQUIRE(store->commit({JobAccepted{spec}, AttemptStarted{spec->id, 2, Uuid::make()}, JobPutBack{spec->id, 2}}));
  const auto jobs = recovered(*store);
  REQUIRE(jobs.size() == 1);
  CHECK(jobs[0].state == JobState::queued);
  CHECK(jobs[0].attempt == 2);
}

TEST_CASE("accepting a job twice changes nothing") {
  const auto store = make_store();
  const SharedSpec spec = spec_of(1);
  REQUIRE(store->commit({JobAccepted{spec}, AttemptStarted{spec->id, 1, Uuid::make()}, JobAccepted{spec}}));
  CHECK(recovered(*store)[0].state == JobState::running);
}

TEST_CASE("the memory store keeps the newest finished jobs only") {
  MemoryStore store(2, 1U << 20);
  std::vector<SharedSpec> specs;
  for (std::uint64_t i = 1; i <= 4; ++i) {
    specs.push_back(spec_of(i));
    REQUIRE(store.commit({JobAccepted{specs.back()}, JobFinished{specs.back()->id, succeeded(), {}}}));
  }
  const auto jobs = recovered(store);
  REQUIRE(jobs.size() == 2);
  CHECK(jobs[0].spec->id == specs[2]->id);
}

TEST_CASE("the memory store keeps at most so many bytes of finished jobs") {
  const SharedSpec first = spec_of(1);
  const SharedSpec second = spec_of(2);
  const auto large = std::make_shared<Outcome>(Outcome{JobState::succeeded, std::string(6000, 'x'), {}, {}});
  MemoryStore store(100, 10'000);
  REQUIRE(store.commit({JobAccepted{first}, JobFinished{first->id, large, {}}}));
  REQUIRE(store.commit({JobAccepted{second}, JobFinished{second->id, large, {}}}));
  const auto jobs = recovered(store);
  REQUIRE(jobs.size() == 1);
  CHECK(jobs[0].spec->id == second->id);
}

TEST_CASE("an engine that is restored from a store goes on where the other one stopped") {
  const auto store = make_store();
  EngineDriver before;
  const SessionId client = before.client();
  const InstanceId instance = Uuid::make();
  const SessionId consumer = before.consumer(2, 2, instance);
  const JobId finished = before.submit(client);
  const JobId running = before.submit(client);
  const JobId queued = before.submit(client);
  CHECK(before.assigned_to(consumer).size() == 2);
  before.outcome(consumer, finished, 1);
  REQUIRE(store->commit(before.take().records));

  EngineDriver after;
  REQUIRE(store->recover([&](const StoredJob& job) { after.engine().restore(job); }));
  CHECK(after.state_of(finished) == JobState::succeeded);
  CHECK(after.state_of(queued) == JobState::queued);
  // The consumer outlived the broker: its job goes on as the same attempt, and does not run again.
  const SessionId back = after.consumer(1, 2, instance, {{running, 1}});
  CHECK(after.state_of(running) == JobState::running);
  CHECK(after.assigned_to(back) == std::vector<AttemptId>{{queued, 1}});
  after.outcome(back, running, 1);
  CHECK(after.state_of(running) == JobState::succeeded);
}
