#include "broker/server/metrics.h"

#include <algorithm>

namespace zebu::broker {
namespace {

using metrics::kOther;
using metrics::Row;
using metrics::Text;

constexpr std::array kRows = {
    Row{"zebu_queue_jobs", "gauge", "queue state",
        "Jobs of the queue: queued, scheduled, running, and failed ones kept"},
    Row{"zebu_queue_bytes", "gauge", "queue", "Bytes of the queue's queued and scheduled jobs"},
    Row{"zebu_queue_oldest_seconds", "gauge", "queue", "Age of the queue's oldest queued job; 0 without one"},
    Row{"zebu_queue_paused", "gauge", "queue", "1 if the queue is paused; of other: how many are"},
    Row{"zebu_consumers", "gauge", "queue", "Consumers that serve the queue; of other: of all of them together"},
    Row{"zebu_sessions", "gauge", "role", "Connected clients and consumers"},
    Row{"zebu_jobs_accepted_total", "counter", "queue", "Jobs accepted"},
    Row{"zebu_jobs_refused_total", "counter", "queue reason", "Jobs refused; of queues that do not exist: other"},
    Row{"zebu_jobs_finished_total", "counter", "queue task outcome", "Jobs that ended, by how"},
    Row{"zebu_attempts_lost_total", "counter", "queue", "Attempts that their consumer left without an outcome"},
    Row{"zebu_attempts_crashed_total", "counter", "task", "Attempts whose process died"},
    Row{"zebu_sessions_lost_total", "counter", "role", "Sessions that ended because their peer was silent"},
    Row{"zebu_protocol_errors_total", "counter", "code", "Messages that were answered with ERROR"},
    Row{"zebu_job_wait_seconds", "histogram", "queue", "From when a job could start to its first assignment"},
    Row{"zebu_job_run_seconds", "histogram", "task", "How long attempts with an outcome ran"},
    Row{"zebu_store_commit_seconds", "histogram", "", "How long commits of the store took"},
    Row{"zebu_store_room_bytes", "gauge", "", "Bytes of new durable jobs that fit; left out without a limit"},
    Row{"zebu_store_full", "gauge", "",
        "1 if new durable jobs are refused for want of room, or the store waits for it"},
    Row{"zebu_store_low", "gauge", "", "1 if durable jobs are not started for want of room"},
    Row{"zebu_held_bytes", "gauge", "", "Bytes of large values on their way into the store"},
    Row{"zebu_loop_lag_seconds", "histogram", "", "How late the loop is for what it does once a second"},
};

// Lines of all queues together that are looked at for the oldest jobs: the loop waits for this text.
constexpr std::size_t kMostLines = 10'000;

// A queue's gauges, or those of all that have none of their own.
struct Gauges {
  std::string labels;
  std::uint64_t queued = 0;
  std::uint64_t scheduled = 0;
  std::uint64_t running = 0;
  std::uint64_t failed = 0;
  std::uint64_t bytes = 0;
  std::uint64_t paused = 0;
  std::uint64_t consumers = 0;
  std::optional<WallTime> oldest = {};
  bool is_oldest_known = true;

  void add(const Queue& queue, std::size_t& lines) {
    queued += queue.queued;
    scheduled += queue.scheduled;
    running += queue.running;
    failed += queue.failed;
    bytes += queue.bytes + queue.transient_bytes;
    paused += queue.settings.is_paused ? 1 : 0;
    consumers += queue.consumers;
    lines += std::min(queue.lines.size(), kMaxLines);
    is_oldest_known = is_oldest_known && lines <= kMostLines;
    const auto its = is_oldest_known ? oldest_in(queue) : std::nullopt;
    if (its) oldest = oldest ? std::min(*oldest, *its) : *its;
  }
};

std::vector<Gauges> gauges_of(const JobTable& jobs) {
  std::vector<Gauges> all;
  Gauges others{metrics::label("queue", kOther)};
  bool has_others = false;
  std::size_t lines = 0;
  for (const auto& [name, queue] : jobs.queues()) {
    if (queue->counts.has_series) {
      all.emplace_back(Gauges{metrics::label("queue", name)}).add(*queue, lines);
    } else {
      has_others = true;
      others.add(*queue, lines);
    }
  }
  if (has_others) all.push_back(std::move(others));
  return all;
}

// Writes the rows one after the other, in the table's order.
class Writer {
 public:
  void begin() { text_.begin(kRows.at(next_++)); }
  template <class Value>
  void only(const Value& value) {
    begin();
    text_.add(std::string_view(), value);
  }
  // f(labels, value) of each member.
  template <class Family, class F>
  void each(const Family& family, F&& f) {
    begin();
    family.for_each(f);
  }
  [[nodiscard]] Text& text() { return text_; }

 private:
  Text text_;
  std::size_t next_ = 0;
};

void write_queues(Writer& to, const JobTable& jobs, Moment now) {
  Text& text = to.text();
  const std::vector<Gauges> all = gauges_of(jobs);
  to.begin();
  for (const Gauges& queue : all) {
    const std::array<std::pair<JobState, std::uint64_t>, Counts::kGauges> states = {
        {{JobState::queued, queue.queued},
         {JobState::scheduled, queue.scheduled},
         {JobState::running, queue.running},
         {JobState::failed, queue.failed}}};
    for (const auto& [state, count] : states) {
      std::string labels = queue.labels;
      metrics::append_label(labels, "state", to_string(state));
      text.add(labels, count);
    }
  }
  to.begin();
  for (const Gauges& queue : all) text.add(queue.labels, queue.bytes);
  to.begin();
  for (const Gauges& queue : all) {
    if (!queue.is_oldest_known) continue;
    const auto age =
        queue.oldest ? std::max(now.wall - *queue.oldest, std::chrono::milliseconds(0)) : WallTime::duration();
    text.add(queue.labels, std::chrono::duration<double>(age).count());
  }
  to.begin();
  for (const Gauges& queue : all) text.add(queue.labels, queue.paused);
  to.begin();
  for (const Gauges& queue : all) text.add(queue.labels, queue.consumers);
}

void write_by_role(Writer& to, std::uint64_t clients, std::uint64_t consumers) {
  to.begin();
  to.text().add("role=\"client\"", clients);
  to.text().add("role=\"consumer\"", consumers);
}

void write_jobs(Writer& to, const Counts::Families& counts) {
  Text& text = to.text();
  to.each(counts.accepted, [&](std::string_view labels, const metrics::Counter& n) { text.add(labels, n.value()); });
  to.each(counts.refused, [&](std::string_view labels, std::uint64_t n) { text.add(labels, n); });
  to.each(counts.finished, [&](std::string_view labels, const Finishes& finishes) {
    for (std::size_t i = 0; i < Finishes::kStates.size(); ++i) {
      std::string with_outcome(labels);
      metrics::append_label(with_outcome, "outcome", to_string(Finishes::kStates[i]));
      text.add(with_outcome, finishes.jobs[i]);
    }
  });
  to.each(counts.lost, [&](std::string_view labels, std::uint64_t n) { text.add(labels, n); });
  to.each(counts.crashed, [&](std::string_view labels, std::uint64_t n) { text.add(labels, n); });
}

void write_errors(Writer& to, const LoopCounts& loop) {
  to.begin();
  for (std::size_t i = 0; i < loop.errors.size(); ++i) {
    if (loop.errors[i] == 0) continue;
    to.text().add(metrics::label("code", to_string(static_cast<ErrorCode>(i))), loop.errors[i]);
  }
}

void write_store(Writer& to, const ServerFacts& server, const LoopCounts& loop) {
  to.only(loop.commit);
  to.begin();
  if (server.store_room) to.text().add(std::string_view(), *server.store_room);
  to.only(std::uint64_t{server.is_store_full || !server.store_trouble.empty()});
  to.only(std::uint64_t{server.is_store_low});
  to.only(server.held_bytes);
}

}  // namespace

std::span<const Row> all_metrics() { return kRows; }

std::string metrics_text(const Engine& engine, const ServerFacts& server, const LoopCounts& loop, Moment now) {
  Writer to;
  const Totals& totals = engine.totals();
  const Counts::Families& counts = engine.jobs().counts().families();
  const std::size_t consumers = engine.consumers().size();
  write_queues(to, engine.jobs(), now);
  write_by_role(to, engine.sessions().size() - consumers, consumers);
  write_jobs(to, counts);
  write_by_role(to, totals.lost_sessions - totals.lost_consumers, totals.lost_consumers);
  write_errors(to, loop);
  Text& text = to.text();
  const auto add = [&](std::string_view labels, const metrics::Histogram& times) { text.add(labels, times); };
  to.each(counts.wait, add);
  to.each(counts.run, add);
  write_store(to, server, loop);
  to.only(loop.lag);
  return text.take();
}

}  // namespace zebu::broker
