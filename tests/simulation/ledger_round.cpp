#include "tests/simulation/ledger.h"

#include <algorithm>

// Before and after a round: is all that is due done, do the numbers agree, is every job where it will be found?
namespace zebu::simulation {

using broker::Engine;
using broker::Job;
using broker::Line;
using broker::Place;

namespace {

constexpr std::chrono::milliseconds kSlack{2};  // the wall clock has whole milliseconds

std::string text(const char* what, std::uint64_t has, std::uint64_t should) {
  return std::string(what) + ": " + std::to_string(has) + " instead of " + std::to_string(should);
}

}  // namespace

// Whatever has a time has been done by then, for next_deadline() says when to come: before this round's messages
// nothing is overdue.
void Ledger::before_round(const Engine& engine) {
  // It may have stood still, or have read some of what had come.
  if (time_.now() - went_on_ <= options_.liveness + kSlack) return;
  const Moment now = time_.moment();
  for (const Job& job : engine.jobs().in_memory()) {
    const auto name = [&] { return "job " + std::to_string(number_of(job.id)); };
    const bool is_waiting = job.place == Place::line || job.place == Place::schedule;
    if (job.place == Place::schedule && job.due + kSlack < now.wall) fail("on time", name() + " is overdue");
    if (is_waiting && job.spec->expires && expiry_of(*job.spec) + kSlack < now.wall)
      fail("on time", name() + " should have expired");
    const auto limit = job.spec->options.hard_limit;
    if (job.state != JobState::running || !limit || !job.session) continue;
    // Over a slow link it may have begun later than it was assigned; or its outcome is here, and is being stored.
    if (is_link_slow_ || of(job.id).reported == job.uses.attempt) continue;
    if (of(job.id).running_since + *limit + options_.liveness + kSlack < time_.now())
      fail("limit", name() + " runs past its hard limit");
  }
}

void Ledger::after_round(const Engine& engine) {
  // After a restart it has to wait for those that it knew.
  if (!engine.is_waiting_for_consumers() && time_.now() - came_ >= options_.liveness) {
    std::set<std::uint64_t> connected;
    for (const auto& [session, peer] : consumers_) connected.insert(peer.instance);
    for (const std::uint64_t consumer : living_) {
      if (!connected.contains(consumer)) excuse(consumer);
    }
  }
  recount(engine);
  check_window(engine);
  check_nothing_waits(engine);
}

// After the round's assignments no job waits that a consumer would take.
void Ledger::check_nothing_waits(const Engine& engine) const {
  if (!engine.may_assign()) return;
  for (const auto& [name, queue] : engine.jobs().queues()) {
    if (queue->settings.is_paused) continue;
    for (const auto& [key, line] : queue->lines) {
      const Job* next = line->next();
      if (next == nullptr || (is_low_ && !next->is_transient())) continue;
      for (const auto& [id, session] : engine.sessions()) {
        if (!session.consumer || session.consumer->credit == 0) continue;
        const auto peer = consumers_.find(id);
        if (peer == consumers_.end() || !peer->second.serves(name, line->name().task)) continue;
        if (!next->is_transient() && session.consumer->known_with > engine.settled()) continue;
        if (next->is_suspect() && !session.consumer->suspects.empty()) continue;
        // It waits for its turn, or did well just now: the commit of that is under way, and assigns.
        if (session.consumer->health.is_poor() || session.consumer->is_touched) continue;
        fail("nothing waits", "job " + std::to_string(number_of(next->spec->id)) + " waits, and consumer " +
                                  std::to_string(peer->second.instance) + " would take it");
      }
    }
  }
}

struct Ledger::Count {
  std::uint64_t queued = 0;
  std::uint64_t scheduled = 0;
  std::uint64_t running = 0;
  std::uint64_t failed = 0;
  std::uint64_t bytes = 0;
  std::uint64_t transient = 0;
  std::uint64_t transient_bytes = 0;
  std::uint64_t in_window = 0;
  std::uint64_t window_bytes = 0;

  void waits(const broker::JobSpec& spec, JobState state) {
    ++(state == JobState::queued ? queued : scheduled);
    (spec.options.transient ? transient_bytes : bytes) += spec.size();
    if (spec.options.transient) ++transient;
  }
};

void Ledger::recount(const Engine& engine) const {
  std::map<std::string, Count> counts;
  std::array<std::uint64_t, kJobStates> states{};
  Count schedule;
  for (const Job& job : engine.jobs().in_memory()) {
    const bool is_durable = !job.is_transient();
    if (is_durable && is_final(job.state)) continue;
    ++states[static_cast<std::size_t>(job.state)];
    if (is_final(job.state)) continue;
    Count& count = counts[job.spec->queue];
    if (job.state == JobState::running) ++count.running;
    if (job.state == JobState::queued || job.state == JobState::scheduled) count.waits(*job.spec, job.state);
    Count& window = job.place == Place::schedule ? schedule : count;
    if (!is_durable || (job.place != Place::line && job.place != Place::schedule)) continue;
    ++window.in_window;
    window.window_bytes += job.spec->size();
  }
  const auto count_stored = [&](const broker::JobSpec& spec, JobState state) {
    ++states[static_cast<std::size_t>(state)];
    counts[spec.queue].waits(spec, state);
  };
  for (const JobFacts& job : jobs_) {
    if (!job.decided.is_present) continue;
    if (job.decided.state == JobState::failed) ++counts[job.queue].failed;
    if (is_final(job.decided.state)) {
      ++states[static_cast<std::size_t>(job.decided.state)];
    } else if (!is_in_memory(engine, job)) {
      if (job.decided.state == JobState::running)
        fail("no job lost", "running job " + std::to_string(job.number) + " is not in memory");
      count_stored(*job.decided.spec, job.decided.state);
    }
  }
  for (const broker::SharedSpec& spec : doubled_) {
    const Job* here = engine.jobs().find(spec->id);
    if (here != nullptr && here->spec == spec) continue;
    count_stored(*spec, spec->due ? JobState::scheduled : JobState::queued);
  }
  const auto compare = [](const std::string& queue, const char* what, std::uint64_t has, std::uint64_t should) {
    if (has != should) fail("counts", queue + " " + text(what, has, should));
  };
  for (const auto& [name, queue] : engine.jobs().queues()) {
    const Count count = counts[name];
    counts.erase(name);
    compare(name, "queued", queue->queued, count.queued);
    compare(name, "scheduled", queue->scheduled, count.scheduled);
    compare(name, "running", queue->running, count.running);
    compare(name, "failed", queue->failed, count.failed);
    compare(name, "bytes", queue->bytes, count.bytes);
    compare(name, "transient", queue->transient, count.transient);
    compare(name, "transient bytes", queue->transient_bytes, count.transient_bytes);
    std::size_t in_window = 0;
    std::size_t window_bytes = 0;
    for (const auto& [key, line] : queue->lines) {
      in_window += line->window.jobs;
      window_bytes += line->window.bytes;
    }
    compare(name, "jobs in its windows", in_window, count.in_window);
    compare(name, "bytes in its windows", window_bytes, count.window_bytes);
  }
  for (const auto& [name, count] : counts) {
    compare(name, "jobs of a queue that is not there", 0,
            count.queued + count.scheduled + count.running + count.failed);
  }
  compare("the schedule", "jobs in its window", engine.jobs().schedule_window().jobs, schedule.in_window);
  compare("the schedule", "bytes in its window", engine.jobs().schedule_window().bytes, schedule.window_bytes);
  for (int i = 0; i < kJobStates; ++i) {
    const auto state = static_cast<JobState>(i);
    compare("all", to_string(state).data(), engine.jobs().count(state), states[static_cast<std::size_t>(i)]);
  }
}

// What is not in memory lies beyond the edge of what is: there it will be found.
void Ledger::check_window(const Engine& engine) const {
  const auto& schedule = engine.jobs().schedule_window();
  for (const JobFacts& job : jobs_) {
    const Book& book = job.decided;
    if (!book.is_present || is_final(book.state) || is_in_memory(engine, job)) continue;
    const std::string name = "job " + std::to_string(job.number);
    if (book.state == JobState::scheduled) {
      if (!schedule.is_beyond({book.due, book.spec->sequence}))
        fail("window", name + " is in the schedule, where nobody will look");
      continue;
    }
    const auto queue = engine.jobs().queues().find(job.queue);
    const Line* line = nullptr;
    if (queue != engine.jobs().queues().end()) {
      const auto found = queue->second->lines.find(broker::line_name(*book.spec));
      if (found != queue->second->lines.end()) line = found->second.get();
    }
    const bool is_found = line != nullptr && book.is_in_line && line->window.is_beyond(broker::line_key(*book.spec));
    if (!is_found) fail("window", name + " is in the store, where nobody will look");
  }
}

}  // namespace zebu::simulation
