#include "consumer/metrics.h"

namespace zebu::consumer {
namespace {

using metrics::kOther;
using metrics::members_of;
using metrics::Row;

constexpr std::array kRows = {
    Row{"zebu_slots", "gauge", "state",
        "Slots: busy, free, or down, that is, without a process or held by an overdue job"},
    Row{"zebu_slot_deaths_total", "counter", "cause", "Processes of slots that died by themselves, or were killed"},
    Row{"zebu_attempts_ended_total", "counter", "task outcome", "Attempts that ended here, by how"},
    Row{"zebu_attempt_run_seconds", "histogram", "task", "How long attempts with an outcome ran here"},
    Row{"zebu_jobs_held", "gauge", "", "Jobs that the consumer has, running or not"},
    Row{"zebu_outcomes_undelivered", "gauge", "", "Outcomes that the broker has not confirmed"},
    Row{"zebu_broker_connected", "gauge", "", "1 while there is a session with the broker"},
    Row{"zebu_loop_lag_seconds", "histogram", "", "How late the loop is for what it does once a second"},
};

}  // namespace

Counts::Counts(std::uint64_t series)
    : outcomes({"task"}, members_of(series, Outcomes::kStates.size())),
      run({"task"}, members_of(series, metrics::kHistogramLines)),
      series_(series) {}

void Counts::count(const Finished& attempt) {
  auto found = found_.find(attempt.task);
  if (found == found_.end()) {
    const std::string_view name = attempt.task == nullptr ? kOther : std::string_view(attempt.task->name);
    found = found_.emplace(attempt.task, Found{&outcomes.at({name}, {kOther}), &run.at({name}, {kOther})}).first;
  }
  for (std::size_t i = 0; i < Outcomes::kStates.size(); ++i) {
    if (Outcomes::kStates[i] == attempt.outcome.state) ++found->second.outcomes->attempts[i];
  }
  if (attempt.outcome.state != JobState::cancelled) found->second.run->observe(attempt.outcome.ran);
}

std::span<const Row> all_metrics() { return kRows; }

std::string metrics_text(const Counts& counts, const Standing& now) {
  metrics::Text text;
  std::size_t next = 0;
  text.begin(kRows[next++]);
  text.add("state=\"busy\"", std::uint64_t{now.slots.busy});
  text.add("state=\"free\"", std::uint64_t{now.slots.free});
  text.add("state=\"down\"", std::uint64_t{now.slots.down});
  text.begin(kRows[next++]);
  text.add("cause=\"died\"", counts.slots_died);
  text.add("cause=\"killed\"", counts.slots_killed);
  text.begin(kRows[next++]);
  counts.outcomes.for_each([&](std::string_view labels, const Counts::Outcomes& outcomes) {
    for (std::size_t i = 0; i < Counts::Outcomes::kStates.size(); ++i) {
      std::string with_outcome(labels);
      metrics::append_label(with_outcome, "outcome", to_string(Counts::Outcomes::kStates[i]));
      text.add(with_outcome, outcomes.attempts[i]);
    }
  });
  text.begin(kRows[next++]);
  counts.run.for_each([&](std::string_view labels, const metrics::Histogram& times) { text.add(labels, times); });
  text.add(kRows[next++], std::uint64_t{now.held});
  text.add(kRows[next++], std::uint64_t{now.undelivered});
  text.add(kRows[next++], std::uint64_t{now.is_up});
  text.add(kRows[next++], counts.lag);
  return text.take();
}

}  // namespace zebu::consumer
