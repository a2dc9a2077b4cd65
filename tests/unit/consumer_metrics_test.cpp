#include "consumer/metrics.h"
#include "tests/support/catch.h"
#include "tests/support/metrics.h"

#include <deque>

namespace zebu::consumer {

using zebu::test::Metrics;

namespace {

Metrics metrics_of(const Counts& counts, const Standing& now = {}) { return Metrics(metrics_text(counts, now)); }

std::string ended(const std::string& task, const std::string& outcome) {
  return "zebu_attempts_ended_total{task=\"" + task + "\",outcome=\"" + outcome + "\"}";
}

}  // namespace

TEST_CASE("consumer metrics: attempts are counted by task and outcome, and run as long as they say") {
  Counts counts(2000);
  const Task fib{"fib", false, nullptr};
  const auto took = std::chrono::milliseconds(20);
  counts.ended({{}, {JobState::succeeded, "\x08", {}, took}, &fib});
  counts.ended({{}, {JobState::failed, {}, {"Boom", "it broke", {}, ErrorKind::failure}, took}, &fib});
  counts.ended({{}, Outcome::cancelled(), &fib});
  const Metrics m = metrics_of(counts, {{2, 3, 1}, 7, 8, true});
  CHECK(m[ended("fib", "succeeded")] == 1);
  CHECK(m[ended("fib", "failed")] == 1);
  CHECK(m[ended("fib", "cancelled")] == 1);
  CHECK(m["zebu_attempt_run_seconds_count{task=\"fib\"}"] == 2);
  CHECK(m["zebu_attempt_run_seconds_sum{task=\"fib\"}"] == 0.04);
  CHECK(m["zebu_slots{state=\"busy\"}"] == 2);
  CHECK(m["zebu_slots{state=\"free\"}"] == 3);
  CHECK(m["zebu_slots{state=\"down\"}"] == 1);
  CHECK(m["zebu_jobs_held"] == 7);
  CHECK(m["zebu_outcomes_undelivered"] == 8);
  CHECK(m["zebu_broker_connected"] == 1);
}

TEST_CASE("consumer metrics: of many tasks those past the limit are counted together") {
  Counts counts(30);
  std::deque<Task> tasks;
  for (int i = 0; i < 100; ++i) {
    tasks.push_back({"t" + std::to_string(i), false, nullptr});
    counts.ended({{}, Outcome::cancelled(), &tasks.back()});
  }
  const Metrics m = metrics_of(counts);
  CHECK(m.series_of("zebu_attempts_ended_total") == 30 + 3);
  CHECK(m[ended("t9", "cancelled")] == 1);
  CHECK(m[ended("other", "cancelled")] == 90);
}

TEST_CASE("consumer metrics: without them nothing is counted") {
  Counts counts(0);
  const Task fib{"fib", false, nullptr};
  counts.ended({{}, Outcome::cancelled(), &fib});
  CHECK(counts.outcomes.size() == 0);
}

}  // namespace zebu::consumer
