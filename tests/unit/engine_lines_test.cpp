#include "tests/support/catch.h"
#include "tests/support/engine_driver.h"

#include <map>

// Lines of one queue, and which consumer gets which job.
namespace zebu::broker {

using zebu::test::engine_options;
using zebu::test::EngineDriver;

namespace {

EngineOptions small_window(std::size_t window) {
  EngineOptions options = engine_options();
  options.window = window;
  return options;
}

// Many durable jobs in a few messages, with priorities in turn.
std::vector<JobId> submit_many(EngineDriver& d, SessionId client, std::size_t count, std::string_view task) {
  std::vector<JobId> ids;
  while (ids.size() < count) {
    message::Submit submit{false, {}};
    for (int i = 0; i < 1000 && ids.size() < count; ++i) {
      JobOptions options;
      options.priority = static_cast<std::uint8_t>(ids.size() % 3);
      ids.push_back(Uuid::make());
      submit.jobs.push_back({ids.back(), task, "default", "\x91\x1e", options});
    }
    d.engine().submit(client, submit, d.now(), d.effects);
    d.settle();
    d.take();
  }
  return ids;
}

// Runs what the consumer is given until it is given nothing; returns the jobs in the order of assignment.
std::vector<JobId> run_all(EngineDriver& d, SessionId consumer) {
  std::vector<JobId> order;
  d.tick();  // after a restart the first jobs are loaded first
  for (auto given = d.assigned_to(consumer); !given.empty(); given = d.assigned_to(consumer)) {
    message::OutcomeReport report{static_cast<std::uint32_t>(given.size()), {}};
    for (const AttemptId& attempt : given) {
      order.push_back(attempt.job);
      report.jobs.push_back({attempt.job, attempt.attempt, JobState::succeeded, "\x08", {}, {}});
    }
    d.engine().outcome(consumer, report, d.now(), d.effects);
    d.settle();
    d.take();
  }
  return order;
}

std::vector<JobId> by_priority(const std::vector<JobId>& ids) {
  std::vector<JobId> sorted;
  for (std::size_t rank : {2U, 1U, 0U}) {
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (i % 3 == rank) sorted.push_back(ids[i]);
    }
  }
  return sorted;
}

}  // namespace

TEST_CASE("jobs of a task that no consumer knows hold up nothing behind them, however many they are") {
  EngineDriver d(small_window(1000));
  const SessionId client = d.client();
  const std::vector<JobId> unknown = submit_many(d, client, 50'000, "unknown");
  const std::vector<JobId> known = submit_many(d, client, 1000, "fib");
  const SessionId consumer = d.consumer(100, 100);
  CHECK(run_all(d, consumer) == by_priority(known));
  CHECK(d.engine().jobs().count(JobState::queued) == 50'000);
  CHECK(d.engine().unserved_tasks(*d.engine().jobs().queues().at("default"), 5) == std::vector<std::string>{"unknown"});
  CHECK(d.engine().jobs().in_memory().size() < 15'000);
  const SessionId other = d.consumer(500, 500, Uuid::make(), {}, {"default"}, {"unknown"});
  CHECK(run_all(d, other) == by_priority(unknown));
  CHECK(d.engine().unserved_tasks(*d.engine().jobs().queues().at("default"), 5).empty());
}

TEST_CASE("the same after a restart: each line comes back in its order") {
  EngineDriver d(small_window(100));
  const SessionId client = d.client();
  const std::vector<JobId> unknown = submit_many(d, client, 1000, "unknown");
  const std::vector<JobId> known = submit_many(d, client, 1000, "fib");
  d.restart();
  d.pass(std::chrono::seconds(4));
  const SessionId consumer = d.consumer(100, 100);
  CHECK(run_all(d, consumer) == by_priority(known));
  const SessionId other = d.consumer(100, 100, Uuid::make(), {}, {"default"}, {"unknown"});
  CHECK(run_all(d, other) == by_priority(unknown));
}

TEST_CASE("long jobs spread over consumers: none has two while another has none") {
  EngineDriver d;
  const SessionId client = d.client();
  std::vector<SessionId> consumers;
  for (int i = 0; i < 3; ++i) consumers.push_back(d.consumer(8, 4));
  d.settle();
  for (int i = 0; i < 4; ++i) {
    d.submit(client);
    d.tick();
  }
  std::map<SessionId, int> jobs;
  for (const auto& assigned : d.effects.assigned) ++jobs[assigned.session];
  REQUIRE(jobs.size() == 3);
  for (const auto& [session, count] : jobs) CHECK(count <= 2);
}

TEST_CASE("of two consumers a job goes to the one that knows its task, and waits when neither does") {
  EngineDriver d;
  const SessionId client = d.client();
  const JobId early = d.submit(client, true, {}, "default", "later");  // before anybody serves the queue
  const SessionId fib = d.consumer(4, 4);
  const SessionId echo = d.consumer(4, 4, Uuid::make(), {}, {"default"}, {"echo"});
  d.settle();
  const JobId job = d.submit(client, true, {}, "default", "echo");
  d.tick();
  REQUIRE(d.effects.assigned.size() == 1);
  CHECK(d.effects.assigned[0].session == echo);
  CHECK(d.effects.assigned[0].what.job->id == job);
  CHECK(d.state_of(early) == JobState::queued);
  d.submit(client, true, {}, "default", "nobody knows it");
  CHECK(d.effects.refused.empty() == false);
  d.effects.clear();
  const SessionId later = d.consumer(1, 1, Uuid::make(), {}, {"default"}, {"later"});
  CHECK(d.assigned_to(later) == std::vector<AttemptId>{{early, 1}});
  CHECK(d.assigned_to(fib).empty());
}

TEST_CASE("a retry runs on another consumer than the one that it failed on") {
  EngineDriver d;
  const SessionId client = d.client();
  std::vector<SessionId> consumers = {d.consumer(8, 8), d.consumer(8, 2)};
  d.settle();
  JobOptions options;
  options.retry.max = 1;
  options.retry.delay = std::chrono::milliseconds(1);
  const JobId id = d.submit(client, true, options);
  d.tick();
  REQUIRE(d.effects.assigned.size() == 1);
  const SessionId first = d.effects.assigned[0].session;
  CHECK(first == consumers[0]);  // it has the most free slots
  d.effects.assigned.clear();
  d.fail(first, id, 1);
  d.pass(std::chrono::seconds(5));
  d.engine().heard(first, d.now());
  d.engine().heard(consumers[1], d.now());
  CHECK(d.assigned_to(consumers[1]) == std::vector<AttemptId>{{id, 2}});
}

TEST_CASE("different queues and tasks whose jobs wait are limited in number") {
  EngineOptions options = engine_options();
  options.max_lines = 2;
  EngineDriver d(options);
  const SessionId client = d.client();
  for (const std::string_view task : {"a", "b", "a"}) d.submit(client, false, {}, "default", task);
  CHECK(d.effects.refused.empty());
  d.submit(client, false, {}, "default", "c");
  REQUIRE(d.effects.refused.size() == 1);
  CHECK(d.effects.refused[0].what.why.code == ErrorCode::too_many_queues);
  CHECK(d.effects.refused[0].what.why.message ==
        "jobs of 2 different queues and tasks wait: use one of them, or raise --max-lines");
}

}  // namespace zebu::broker
