#include "tests/support/catch.h"
#include "tests/support/engine_driver.h"

// More durable jobs than the engine keeps in memory.
namespace zebu::broker {

using std::chrono::milliseconds;
using std::chrono::seconds;
using zebu::test::engine_options;
using zebu::test::EngineDriver;

namespace {

constexpr std::size_t kWindow = 64;

EngineOptions small_window() {
  EngineOptions options = engine_options();
  options.window = kWindow;
  options.keep = 10;
  return options;
}

// Runs all that comes, and says in which order it came.
std::vector<JobId> run_one_by_one(EngineDriver& d, SessionId consumer) {
  std::vector<JobId> order;
  while (true) {
    const auto assigned = d.assigned_to(consumer);
    if (assigned.empty()) return order;
    for (const AttemptId& attempt : assigned) {
      order.push_back(attempt.job);
      d.outcome(consumer, attempt.job, attempt.attempt, JobState::succeeded, 1);
    }
  }
}

}  // namespace

TEST_CASE("jobs beyond the window live in the store, and come back in order") {
  EngineDriver d(small_window());
  const SessionId client = d.client();
  std::vector<JobId> ids;
  for (int i = 0; i < 500; ++i) ids.push_back(d.submit(client, i % 3 == 0));
  const Queue& queue = *d.engine().jobs().queues().at("default");
  CHECK(queue.queued == 500);
  REQUIRE(queue.lines.size() == 1);
  const Line& line = *queue.lines.begin()->second;
  CHECK(line.jobs().size() <= kWindow);
  CHECK(line.window.edge);
  const SessionId consumer = d.consumer(10, 10);
  CHECK(run_one_by_one(d, consumer) == ids);
  CHECK(d.take().done.size() == 167);
  CHECK(d.engine().jobs().count(JobState::succeeded) == 500);
  CHECK(d.engine().jobs().in_memory().size() <= 20);
}

TEST_CASE("priority holds over what is in memory and what is not") {
  EngineDriver d(small_window());
  const SessionId client = d.client();
  std::array<std::vector<JobId>, 3> ids;
  for (std::size_t i = 0; i < 600; ++i) {
    JobOptions options;
    options.priority = static_cast<std::uint8_t>(i % 3 * 4);
    ids[i % 3].push_back(d.submit(client, false, options));
  }
  const SessionId consumer = d.consumer(7, 7);
  std::vector<JobId> expected = ids[2];
  expected.insert(expected.end(), ids[1].begin(), ids[1].end());
  expected.insert(expected.end(), ids[0].begin(), ids[0].end());
  CHECK(run_one_by_one(d, consumer) == expected);
}

TEST_CASE("after a restart the whole backlog runs, in order") {
  EngineDriver d(small_window());
  SessionId client = d.client();
  std::vector<JobId> ids;
  for (int i = 0; i < 300; ++i) ids.push_back(d.submit(client, false));
  d.restart();
  const SessionId consumer = d.consumer(5, 5);
  d.tick();  // loads
  CHECK(run_one_by_one(d, consumer) == ids);
}

TEST_CASE("a job that is in the store only can be waited for, submitted again and cancelled") {
  EngineDriver d(small_window());
  const SessionId client = d.client();
  std::vector<JobId> ids;
  for (int i = 0; i < 200; ++i) ids.push_back(d.submit(client, false));
  const JobId last = ids.back();
  CHECK_FALSE(d.engine().jobs().find(last));
  d.take();
  d.engine().submit(client, {true, {{last, "fib", "default", "\x91\x1e", {}}}}, d.now(), d.effects);
  CHECK(d.take().accepted.size() == 1);
  CHECK(d.engine().jobs().count(JobState::queued) == 200);
  const SessionId waiter = d.client();
  d.engine().wait(waiter, {{last}}, d.effects);
  CHECK(d.take().unknown.empty());
  d.engine().cancel(d.client(), {{last}}, d.now(), d.effects);
  const Effects effects = d.take();
  CHECK(effects.done.size() == 2);
  CHECK(d.state_of(last) == JobState::cancelled);
  ids.pop_back();
  const SessionId consumer = d.consumer(5, 5);
  CHECK(run_one_by_one(d, consumer) == ids);
}

TEST_CASE("jobs in the store expire") {
  EngineDriver d(small_window());
  const SessionId client = d.client();
  JobOptions options;
  options.expires_in = seconds(5);
  for (int i = 0; i < 200; ++i) d.submit(client, false, options);
  for (int i = 0; i < 7; ++i) {
    d.pass(seconds(1));
    d.engine().heard(client, d.now());
    d.tick();
  }
  CHECK(d.engine().jobs().count(JobState::expired) == 200);
  CHECK(d.engine().jobs().count(JobState::queued) == 0);
}

TEST_CASE("a purge ends what waits now, in memory or not, and nothing that comes later") {
  EngineDriver d(small_window());
  const SessionId client = d.client();
  for (int i = 0; i < 300; ++i) d.submit(client, true);
  JobOptions later;
  later.delay = seconds(9);
  d.submit(client, true, later);
  d.take();
  CHECK_FALSE(d.engine().purge("default", d.now(), d.effects));  // it goes on in steps
  const JobId after = d.submit(client, false);
  for (int i = 0; i < 20; ++i) d.tick();
  CHECK(d.take().done.size() == 301);
  CHECK(d.engine().jobs().count(JobState::cancelled) == 301);
  const SessionId consumer = d.consumer(5, 5);
  CHECK(run_one_by_one(d, consumer) == std::vector<JobId>{after});
}

TEST_CASE("a purge ends scheduled jobs that are in the store only, and those of no other queue") {
  EngineDriver d(small_window());
  const SessionId client = d.client();
  JobOptions later;
  later.delay = seconds(3600);
  for (int i = 0; i < 700; ++i) {
    d.submit(client, true, later, "purged");
    d.submit(client, true, later, "kept");
  }
  CHECK(d.engine().jobs().schedule().size() <= kWindow);
  d.take();
  CHECK_FALSE(d.engine().purge("purged", d.now(), d.effects));
  const bool is_restarted = GENERATE(false, true);
  if (is_restarted) {
    d.settle();
    d.restart();
  }
  d.submit(d.client(), false, later, "purged");
  for (int i = 0; i < 20; ++i) d.tick();
  if (!is_restarted) CHECK(d.take().done.size() == 700);
  CHECK(d.engine().jobs().count(JobState::cancelled) == 700);
  CHECK(d.engine().jobs().count(JobState::scheduled) == 701);
  CHECK(d.engine().jobs().queues().at("purged")->scheduled == 1);
  CHECK(d.engine().jobs().queues().at("purged")->settings.purge_up_to == std::nullopt);
  CHECK(d.engine().jobs().queues().at("kept")->scheduled == 700);
}

TEST_CASE("a purge that goes on after a restart ends no job that came after it") {
  EngineDriver d(small_window());
  const SessionId client = d.client();
  for (int i = 0; i < 300; ++i) d.submit(client, false);
  JobOptions transient;
  transient.transient = true;
  for (int i = 0; i < 50; ++i) d.submit(client, false, transient);  // their numbers are not in the store
  CHECK_FALSE(d.engine().purge("default", d.now(), d.effects));
  d.settle();
  d.restart();
  const JobId after = d.submit(d.client(), false);
  for (int i = 0; i < 20; ++i) d.tick();
  CHECK(d.engine().jobs().count(JobState::cancelled) == 300);
  CHECK(d.state_of(after) == JobState::queued);
}

TEST_CASE("a schedule that is longer than the window keeps its times") {
  EngineDriver d(small_window());
  const SessionId client = d.client();
  std::vector<JobId> ids(200);
  for (int i = 199; i >= 0; --i) {  // the last one is due first
    JobOptions options;
    options.delay = milliseconds(1000 + 10 * i);
    ids[static_cast<std::size_t>(i)] = d.submit(client, false, options);
  }
  CHECK(d.engine().jobs().schedule().size() <= kWindow);
  const SessionId consumer = d.consumer(1, 1);
  std::vector<JobId> order;
  for (int i = 0; i < 320; ++i) {
    d.pass(milliseconds(10));
    d.engine().heard(client, d.now());
    d.engine().heard(consumer, d.now());
    for (const AttemptId& attempt : d.assigned_to(consumer)) {
      order.push_back(attempt.job);
      d.outcome(consumer, attempt.job, attempt.attempt, JobState::succeeded, 1);
    }
  }
  CHECK(order == ids);
}

TEST_CASE("a consumer keeps a job that the restarted broker has in its store only") {
  EngineDriver d(small_window());
  const InstanceId instance = Uuid::make();
  SessionId client = d.client();
  const SessionId before = d.consumer(1, 1, instance);
  JobOptions low;
  low.priority = 0;
  const JobId id = d.submit(client, false, low);
  CHECK(d.assigned_to(before).size() == 1);
  for (int i = 0; i < 300; ++i) d.submit(client, false);
  d.restart();
  const SessionId after = d.consumer(0, 1, instance, {{id, 1}});
  CHECK(d.take().stopped.empty());
  CHECK(d.state_of(id) == JobState::running);
  d.outcome(after, id, 1);
  CHECK(d.state_of(id) == JobState::succeeded);
}

}  // namespace zebu::broker
