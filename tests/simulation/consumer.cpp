#include "tests/simulation/consumer.h"

#include <algorithm>

namespace zebu::simulation {

Consumer::Consumer(World& world, std::size_t number, std::vector<std::string> queues,
                   std::vector<std::string_view> tasks)
    : Peer(world, message::Role::consumer),
      name_("consumer" + std::to_string(number)),
      queues_(std::move(queues)),
      tasks_(std::move(tasks)) {
  queue_views_.assign(queues_.begin(), queues_.end());
  slots_ = static_cast<std::size_t>(world.random.between(1, 4));
  prefetch_ = world.random.percent(50) ? static_cast<std::size_t>(world.random.between(1, 8)) : 0;
  is_stubborn_ = world.random.percent(20);
}

message::Hello Consumer::hello() {
  message::Hello hello;
  hello.role = message::Role::consumer;
  hello.name = name_;
  hello.instance = uuid_of(IdKind::instance, instance());
  hello.consumer.queues = queue_views_;
  hello.consumer.slots = static_cast<std::uint32_t>(slots_);
  hello.consumer.tasks = tasks_;
  for (const Finished& finished : undelivered_) hello.consumer.runs.push_back(finished.id);
  for (const Attempt& attempt : held_) hello.consumer.runs.push_back(attempt.id);
  sent_ = 0;
  kept_ = 0;
  credit_ = 0;
  voided_ = 0;
  returns_.clear();
  is_drain_said_ = is_drained_ = false;
  return hello;
}

void Consumer::handle(const message::Message& message) {
  if (const auto* assign = std::get_if<message::Assign>(&message)) {
    for (const message::Assignment& job : assign->jobs) add(job);
  } else if (const auto* keep = std::get_if<message::Kept>(&message)) {
    kept(keep->count);
  } else if (const auto* stopped = std::get_if<message::Stop>(&message)) {
    for (const AttemptId& id : stopped->jobs) stop(id);
  } else if (std::holds_alternative<message::Drain>(message)) {
    drain();
  } else if (std::holds_alternative<message::Drained>(message)) {
    is_drained_ = true;
  }
  flush();
}

void Consumer::add(const message::Assignment& job) {
  if (credit_ > 0) {
    --credit_;
  } else if (voided_ > 0) {
    --voided_;  // it was on its way
  } else if (!is_draining_) {
    throw Violation{"credit", name_ + " got a job that it gave no credit for"};
  }
  if (is_drained_) throw Violation{"drain", name_ + " got a job behind DRAINED"};
  if (is_draining_) return returns_.push_back({job.id, job.attempt});
  held_.push_back({{job.id, job.attempt}, job.options.hard_limit});
  world_.ledger.hold(instance(), held_.back().id);
}

// One that waits has not begun: it ends at once. One that runs takes its time, and may get to its own end first.
void Consumer::stop(const AttemptId& id) {
  const auto found = std::find_if(held_.begin(), held_.end(), [&](const Attempt& a) { return a.id == id; });
  if (found == held_.end()) return;
  if (!found->is_running) return end(id, found->run, Outcome{});
  if (found->is_stubborn) return;
  after(Time(world_.random.between(0, 300'000)), [this, id, run = found->run] { end(id, run, Outcome{}); });
}

void Consumer::kept(std::uint64_t count) {
  if (count <= kept_) return;
  if (count - kept_ > sent_) throw Violation{"kept", name_ + " is told that more is kept than it said"};
  for (; kept_ < count; ++kept_, --sent_) {
    world_.ledger.told_kept(instance(), undelivered_.front().id);
    world_.ledger.release(instance(), undelivered_.front().id);
    undelivered_.pop_front();
  }
}

// ── running ─────────────────────────────────────────────────────────────────────────────────────────────────────────

void Consumer::dispatch() {
  std::size_t running = 0;
  for (const Attempt& attempt : held_) running += attempt.is_running ? 1 : 0;
  for (Attempt& attempt : held_) {
    if (running >= slots_) return;
    if (attempt.is_running) continue;
    begin(attempt);
    ++running;
  }
}

void Consumer::begin(Attempt& attempt) {
  Random& random = world_.random;
  world_.ledger.begin(instance(), attempt.id);
  attempt.is_running = true;
  attempt.run = ++runs_;
  attempt.is_stubborn = is_stubborn_ && !world_.is_calm();
  Time lasts = Time(random.between(1, world_.scenario.job.count()));
  if (!world_.is_calm() && random.percent(world_.scenario.stubborn))
    lasts = std::chrono::milliseconds(random.between(1000, 8000));
  Outcome outcome = chance_outcome(attempt);
  if (world_.ledger.of(attempt.id.job).is_poison && !world_.is_calm()) {
    return after(lasts, [this, id = attempt.id] {
      const bool is_here = std::any_of(held_.begin(), held_.end(), [&](const Attempt& a) { return a.id == id; });
      if (is_here) crash();
    });
  }
  if (attempt.hard_limit && lasts >= *attempt.hard_limit && !attempt.is_stubborn) {
    lasts = *attempt.hard_limit;
    outcome.state = JobState::failed;
    outcome.error = {"zebu::HardLimit", "run " + std::to_string(runs_), {}, {}};
  }
  after(lasts, [this, id = attempt.id, run = attempt.run, outcome] {
    end(id, run, outcome);
    if (is_up()) flush();
  });
}

// No two runs have the same outcome, so that a changed one is seen.
Outcome Consumer::chance_outcome(const Attempt& attempt) {
  Random& random = world_.random;
  const std::string mark =
      std::to_string(instance()) + "." + std::to_string(runs_) + "." + std::to_string(attempt.id.attempt);
  Outcome outcome;
  outcome.state = JobState::failed;
  if (random.percent(world_.scenario.failing)) {
    outcome.error = {"Failure", mark, {}, random.percent(20) ? ErrorKind::permanent : ErrorKind::failure};
  } else if (random.percent(world_.scenario.crashing)) {
    outcome.error = {"zebu::Crash", mark, {}, ErrorKind::crash};
  } else {
    outcome.state = JobState::succeeded;
    outcome.result = mark;
  }
  return outcome;
}

void Consumer::end(const AttemptId& id, std::uint64_t run, const Outcome& outcome) {
  const auto found =
      std::find_if(held_.begin(), held_.end(), [&](const Attempt& a) { return a.id == id && a.run == run; });
  if (found == held_.end()) return;
  held_.erase(found);
  world_.ledger.end(id, outcome);
  undelivered_.push_back({id, outcome});
}

// What waits behind a long job is recalled.
void Consumer::give_back(std::size_t most) {
  for (auto next = held_.rbegin(); next != held_.rend() && most > 0;) {
    if (next->is_running) {
      ++next;
      continue;
    }
    returns_.push_back(next->id);
    world_.ledger.release(instance(), next->id);
    next = std::make_reverse_iterator(held_.erase(std::next(next).base()));
    --most;
  }
}

void Consumer::beat() {
  Random& random = world_.random;
  if (random.percent(30)) give_back(static_cast<std::size_t>(random.between(1, 3)));
  for (const Attempt& attempt : held_) {
    if (attempt.is_running && random.percent(20)) {
      const message::ProgressReport progress{attempt.id.job, attempt.id.attempt, 0.5, "half", "a line\n"};
      send(message::ProgressReports{{progress}});
    }
  }
  flush();
}

// ── talking ─────────────────────────────────────────────────────────────────────────────────────────────────────────

void Consumer::flush() {
  dispatch();
  if (!is_up()) return;
  if (!returns_.empty()) {
    send(message::Return{0, std::exchange(returns_, {})});
    voided_ += std::exchange(credit_, 0);
  }
  if (is_draining_ && !std::exchange(is_drain_said_, true)) {
    send(message::Drain{});
    credit_ = 0;
  }
  const std::size_t wanted = is_draining_ ? 0 : slots_ + prefetch_;
  const std::size_t have = held_.size() + credit_;
  const auto credit = static_cast<std::uint32_t>(wanted > have ? wanted - have : 0);
  credit_ += credit;
  if (sent_ < undelivered_.size()) {
    message::OutcomeReport report{credit, {}};
    for (; sent_ < undelivered_.size(); ++sent_) {
      const Finished& finished = undelivered_[sent_];
      report.jobs.push_back(message::report_of(finished.id.job, finished.id.attempt, finished.outcome));
    }
    send(report);
  } else if (credit > 0) {
    send(message::Credit{credit});
  }
  leave_when_drained();
}

void Consumer::drain() {
  if (std::exchange(is_draining_, true)) return;
  world_.note("consumer instance % drains", {instance()});
  give_back(held_.size());
  if (is_up()) flush();
}

void Consumer::leave_when_drained() {
  if (!is_drained_ || !held_.empty() || !undelivered_.empty()) return;
  send(message::Bye{});
  exit(Time(world_.random.between(1000, 1'000'000)));
}

void Consumer::die() {
  world_.ledger.consumer_died(instance());
  held_.clear();
  undelivered_.clear();
  returns_.clear();
  sent_ = 0;
  kept_ = 0;
  credit_ = 0;
  voided_ = 0;
  is_draining_ = false;
  is_drain_said_ = false;
}

}  // namespace zebu::simulation
