#include "broker/server/metrics.h"
#include "tests/support/catch.h"
#include "tests/support/engine_driver.h"
#include "tests/support/metrics.h"

// What the engine counts by queue and task, and the broker's text of it.
namespace zebu::broker {

using zebu::test::EngineDriver;
using zebu::test::Metrics;
using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t kSeries = 2000;

EngineOptions counting(std::uint64_t series = kSeries) {
  EngineOptions options = test::engine_options();
  options.metric_series = series;
  return options;
}

Metrics metrics_of(EngineDriver& d, const ServerFacts& facts = {}, const LoopCounts& loop = {}) {
  return Metrics(metrics_text(d.engine(), facts, loop, d.now()));
}

// In which all of these are heard.
void live(EngineDriver& d, const std::vector<SessionId>& sessions, std::chrono::seconds time) {
  for (auto left = time; left.count() > 0; left -= 1s) {
    d.pass(1s);
    for (const SessionId session : sessions) d.engine().heard(session, d.now());
    d.tick();
  }
}

std::string jobs_in(const std::string& queue, const std::string& state) {
  return "zebu_queue_jobs{queue=\"" + queue + "\",state=\"" + state + "\"}";
}

std::string finished_as(const std::string& outcome) {
  return "zebu_jobs_finished_total{queue=\"default\",task=\"fib\",outcome=\"" + outcome + "\"}";
}

}  // namespace

TEST_CASE("broker metrics: the text has the metrics of the table, in its order") {
  EngineDriver d(counting());
  const std::string text = metrics_text(d.engine(), {}, {}, d.now());
  std::size_t at = 0;
  for (const metrics::Row& row : all_metrics()) {
    INFO(row.name);
    const std::size_t found = text.find("# TYPE " + std::string(row.name) + " " + std::string(row.type) + "\n", at);
    REQUIRE(found != std::string::npos);
    at = found;
  }
  CHECK(Metrics(text).types().size() == all_metrics().size());
}

TEST_CASE("broker metrics: a job moves through its queue's counts") {
  EngineDriver d(counting());
  const SessionId client = d.client();
  const JobId id = d.submit(client);
  d.pass(2s);
  Metrics m = metrics_of(d);
  CHECK(m[jobs_in("default", "queued")] == 1);
  CHECK(m["zebu_queue_bytes{queue=\"default\"}"] > 0);
  CHECK(m["zebu_queue_oldest_seconds{queue=\"default\"}"] == 2);
  CHECK(m["zebu_jobs_accepted_total{queue=\"default\"}"] == 1);
  CHECK(m["zebu_sessions{role=\"client\"}"] == 1);
  CHECK(m["zebu_consumers{queue=\"default\"}"] == 0);

  const SessionId consumer = d.consumer(1);
  REQUIRE(d.assigned_to(consumer).size() == 1);
  m = metrics_of(d);
  CHECK(m[jobs_in("default", "queued")] == 0);
  CHECK(m[jobs_in("default", "running")] == 1);
  CHECK(m["zebu_queue_oldest_seconds{queue=\"default\"}"] == 0);
  CHECK(m["zebu_consumers{queue=\"default\"}"] == 1);
  CHECK(m["zebu_sessions{role=\"consumer\"}"] == 1);
  CHECK(m["zebu_job_wait_seconds_count{queue=\"default\"}"] == 1);
  CHECK(m["zebu_job_wait_seconds_sum{queue=\"default\"}"] == 2);

  d.outcome(consumer, id, 1);
  m = metrics_of(d);
  CHECK(m[jobs_in("default", "running")] == 0);
  CHECK(m[finished_as("succeeded")] == 1);
  CHECK(m[finished_as("failed")] == 0);
  CHECK(m.has(finished_as("failed")));  // so that its first rise is seen
  CHECK(m["zebu_job_run_seconds_count{task=\"fib\"}"] == 1);
  CHECK(m["zebu_job_run_seconds_sum{task=\"fib\"}"] == 5e-6);
}

TEST_CASE("broker metrics: jobs end in each way, and failed ones are kept") {
  EngineDriver d(counting());
  const SessionId client = d.client();
  const SessionId consumer = d.consumer(10, 10);
  const JobId fails = d.submit(client);
  const JobId crashes = d.submit(client);
  d.tick();
  d.fail(consumer, fails, 1);
  d.fail(consumer, crashes, 1, ErrorKind::crash);
  const JobId cancelled = d.submit(client, true, {}, "later");
  d.engine().cancel(client, {{cancelled}}, d.now(), d.effects);
  d.settle();
  JobOptions options;
  options.expires_in = 1s;
  d.submit(client, true, options, "later");
  d.pass(2s);
  d.tick();
  const Metrics m = metrics_of(d);
  CHECK(m[finished_as("failed")] == 1);
  CHECK(m[jobs_in("default", "failed")] == 1);
  CHECK(m["zebu_attempts_crashed_total{task=\"fib\"}"] == 1);
  CHECK(m["zebu_jobs_finished_total{queue=\"later\",task=\"fib\",outcome=\"cancelled\"}"] == 1);
  CHECK(m["zebu_jobs_finished_total{queue=\"later\",task=\"fib\",outcome=\"expired\"}"] == 1);
  CHECK(m["zebu_job_run_seconds_count{task=\"fib\"}"] == 2);
}

TEST_CASE("broker metrics: only a job's first attempt has waited, since its time came") {
  EngineDriver d(counting());
  const SessionId client = d.client();
  const SessionId consumer = d.consumer(10, 10);
  JobOptions options = test::with_retries(3);
  options.delay = 10s;
  const JobId id = d.submit(client, true, options);
  CHECK(metrics_of(d)[jobs_in("default", "scheduled")] == 1);
  live(d, {client, consumer}, 12s);
  d.fail(consumer, id, 1);
  live(d, {client, consumer}, 5s);
  d.outcome(consumer, id, 2);
  const Metrics m = metrics_of(d);
  CHECK(m[finished_as("succeeded")] == 1);
  CHECK(m["zebu_job_wait_seconds_count{queue=\"default\"}"] == 1);
  CHECK(m["zebu_job_wait_seconds_sum{queue=\"default\"}"] == 0);
}

TEST_CASE("broker metrics: a consumer that falls silent loses its attempts") {
  EngineDriver d(counting());
  const SessionId client = d.client();
  const SessionId consumer = d.consumer(1);
  d.submit(client);
  REQUIRE(d.assigned_to(consumer).size() == 1);
  live(d, {client}, 6s);
  const Metrics m = metrics_of(d);
  CHECK(m["zebu_attempts_lost_total{queue=\"default\"}"] == 1);
  CHECK(m["zebu_sessions_lost_total{role=\"consumer\"}"] == 1);
  CHECK(m["zebu_sessions_lost_total{role=\"client\"}"] == 0);
  CHECK(m["zebu_consumers{queue=\"default\"}"] == 0);
}

TEST_CASE("broker metrics: an attempt that nobody else may have is lost when its consumer does not come back") {
  EngineDriver d(counting());
  const SessionId client = d.client();
  const SessionId consumer = d.consumer(1);
  JobOptions options;
  options.acks_early = true;
  const JobId id = d.submit(client, true, options);
  REQUIRE(d.assigned_to(consumer).size() == 1);
  live(d, {client}, 60s);
  REQUIRE(d.state_of(id) == JobState::failed);
  CHECK(metrics_of(d)["zebu_attempts_lost_total{queue=\"default\"}"] == 1);
}

TEST_CASE("broker metrics: refusals have their queue and reason, and queues that are not there are others") {
  EngineOptions options = counting();
  options.queue_limit = 1;
  EngineDriver d(options);
  const SessionId client = d.client();
  d.submit(client);
  d.submit(client);
  JobOptions served;
  served.only_served = true;
  d.submit(client, true, served, "nobody-here");
  d.submit(client, true, {}, "default", "not a name");
  const Metrics m = metrics_of(d);
  CHECK(m["zebu_jobs_refused_total{queue=\"default\",reason=\"queue_full\"}"] == 1);
  CHECK(m["zebu_jobs_refused_total{queue=\"default\",reason=\"bad_job\"}"] == 1);
  CHECK(m["zebu_jobs_refused_total{queue=\"other\",reason=\"no_consumer\"}"] == 1);
  CHECK(d.engine().totals().refused == 3);
}

TEST_CASE("broker metrics: a job that the store has already was not accepted twice, and no count goes down") {
  EngineDriver d(counting());
  const SessionId client = d.client();
  const SessionId consumer = d.consumer(10, 10);
  const JobId id = d.submit(client);
  d.tick();
  d.outcome(consumer, id, 1);
  const std::string accepted = "zebu_jobs_accepted_total{queue=\"default\"}";
  d.restart();  // what has finished is in the store only
  const SessionId again = d.client();
  double last = 0;
  for (int i = 0; i < 3; ++i) {
    d.engine().submit(again, {true, {{id, "fib", "default", "\x91\x1e", {}}}}, d.now(), d.effects);
    CHECK(metrics_of(d)[accepted] >= last);
    last = metrics_of(d)[accepted];
    d.settle();
    CHECK(metrics_of(d)[accepted] >= last);
  }
  d.submit(again);
  CHECK(metrics_of(d)[accepted] == 1);
  CHECK(d.engine().totals().accepted == 1);
}

TEST_CASE("broker metrics: a queue's counts outlive it") {
  EngineDriver d(counting());
  const SessionId client = d.client();
  JobOptions transient;
  transient.transient = true;
  for (int i = 0; i < 2; ++i) {
    const JobId id = d.submit(client, true, transient, "brief");
    CHECK(metrics_of(d).has(jobs_in("brief", "queued")));
    d.engine().cancel(client, {{id}}, d.now(), d.effects);
    d.settle();
    for (int ticks = 0; ticks < 5 && d.engine().jobs().find_queue("brief") != nullptr; ++ticks) {
      live(d, {client}, 1s);
    }
    REQUIRE(d.engine().jobs().find_queue("brief") == nullptr);
    const Metrics m = metrics_of(d);
    CHECK_FALSE(m.has(jobs_in("brief", "queued")));
    CHECK(m["zebu_jobs_accepted_total{queue=\"brief\"}"] == i + 1);
  }
}

TEST_CASE("broker metrics: ten thousand queues and tasks make no more series than they may") {
  EngineOptions options = counting();
  options.max_queues = 20'000;
  EngineDriver d(options);
  const SessionId client = d.client();
  constexpr int kQueues = 10'000;
  JobOptions transient;
  transient.transient = true;
  std::vector<JobId> ids;
  for (int i = 0; i < kQueues; ++i) {
    ids.push_back(d.submit(client, false, transient, "q" + std::to_string(i), "t" + std::to_string(i)));
  }
  d.engine().pause("q0", "", "me", d.now(), d.effects);
  d.engine().pause("q9999", "", "me", d.now(), d.effects);
  for (int i = 0; i < kQueues; i += 2) {
    d.engine().cancel(client, {{ids[static_cast<std::size_t>(i)]}}, d.now(), d.effects);
    d.settle();
    d.effects.clear();
  }
  const Metrics m = metrics_of(d);
  double queued = 0;
  double accepted = 0;
  double finished = 0;
  for (const auto& [series, value] : m.values()) {
    if (series.ends_with("state=\"queued\"}")) queued += value;
    if (series.starts_with("zebu_jobs_accepted_total")) accepted += value;
    if (series.starts_with("zebu_jobs_finished_total")) finished += value;
  }
  CHECK(queued == kQueues / 2);
  CHECK(accepted == kQueues);
  CHECK(finished == kQueues / 2);
  for (const metrics::Row& row : all_metrics()) {
    INFO(row.name);
    // One more member stands for the others.
    const std::size_t lines = row.type == "histogram" ? metrics::kHistogramLines : 4;
    CHECK(m.series_of(std::string(row.name)) <= kSeries + lines);
  }
  CHECK(m[jobs_in("other", "queued")] > 0);
  CHECK(m["zebu_queue_paused{queue=\"q0\"}"] == 1);
  CHECK(m["zebu_queue_paused{queue=\"other\"}"] == 1);
}

TEST_CASE("broker metrics: a queue gets the series of its gauges from one that has gone") {
  EngineDriver d(counting(4));  // one queue
  const SessionId client = d.client();
  JobOptions transient;
  transient.transient = true;
  const JobId id = d.submit(client, false, transient, "first");
  d.submit(client, false, transient, "second");
  CHECK(metrics_of(d)[jobs_in("first", "queued")] == 1);
  CHECK(metrics_of(d)[jobs_in("other", "queued")] == 1);
  d.engine().cancel(client, {{id}}, d.now(), d.effects);
  for (int ticks = 0; ticks < 5 && d.engine().jobs().find_queue("first") != nullptr; ++ticks) {
    live(d, {client}, 1s);
  }
  d.submit(client, false, transient, "third");
  CHECK(metrics_of(d)[jobs_in("third", "queued")] == 1);
}

TEST_CASE("broker metrics: without them nothing is counted") {
  EngineDriver d;
  const SessionId client = d.client();
  const SessionId consumer = d.consumer(1);
  const JobId id = d.submit(client);
  d.tick();
  d.outcome(consumer, id, 1);
  const Counts::Families& counts = d.engine().jobs().counts().families();
  CHECK(counts.accepted.size() + counts.finished.size() + counts.wait.size() + counts.run.size() == 0);
}

TEST_CASE("broker metrics: many tasks of one queue are counted each") {
  EngineDriver d(counting());
  const SessionId client = d.client();
  JobOptions transient;
  transient.transient = true;
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 400; ++i) {
      const JobId id = d.submit(client, false, transient, "default", "t" + std::to_string(i));
      d.engine().cancel(client, {{id}}, d.now(), d.effects);
    }
  }
  const Metrics m = metrics_of(d);
  for (const std::string task : {"t0", "t255", "t256", "t399"}) {
    CHECK(m["zebu_jobs_finished_total{queue=\"default\",task=\"" + task + "\",outcome=\"cancelled\"}"] == 2);
  }
}

TEST_CASE("broker metrics: the store and the loop are told of") {
  EngineDriver d(counting());
  ServerFacts facts;
  LoopCounts loop;
  CHECK_FALSE(metrics_of(d, facts, loop).has("zebu_store_room_bytes"));
  facts.store_room = 12'345;
  facts.is_store_low = true;
  facts.store_trouble = "it waits";
  facts.held_bytes = 7;
  loop.commit.observe(2ms);
  loop.lag.observe(20ms);
  loop.error(ErrorCode::bad_message);
  loop.error(ErrorCode::system);
  const Metrics m = metrics_of(d, facts, loop);
  CHECK(m["zebu_store_room_bytes"] == 12'345);
  CHECK(m["zebu_store_full"] == 1);
  CHECK(m["zebu_store_low"] == 1);
  CHECK(m["zebu_held_bytes"] == 7);
  CHECK(m["zebu_store_commit_seconds_bucket{le=\"0.003\"}"] == 1);
  CHECK(m["zebu_store_commit_seconds_bucket{le=\"0.001\"}"] == 0);
  CHECK(m["zebu_loop_lag_seconds_count"] == 1);
  CHECK(m["zebu_protocol_errors_total{code=\"bad_message\"}"] == 1);
  CHECK(m["zebu_protocol_errors_total{code=\"system\"}"] == 1);
}

}  // namespace zebu::broker
