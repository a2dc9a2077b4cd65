#include "tests/simulation/consumer.h"

#include <algorithm>
#include <iterator>

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
  std::move(in_parts_.begin(), in_parts_.end(), std::back_inserter(undelivered_));
  in_parts_.clear();
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
    kept(*keep);
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

void Consumer::kept(const message::Kept& kept) {
  for (const AttemptId& id : kept.in_parts) {
    const auto found =
        std::find_if(in_parts_.begin(), in_parts_.end(), [&](const Finished& each) { return each.id == id; });
    if (found == in_parts_.end())
      throw Violation{"kept", name_ + " is told that an outcome is kept that it did not say"};
    is_kept(*found);
    in_parts_.erase(found);
  }
  if (kept.count <= kept_) return;
  if (kept.count - kept_ > sent_) throw Violation{"kept", name_ + " is told that more is kept than it said"};
  for (; kept_ < kept.count; ++kept_, --sent_) {
    is_kept(undelivered_.front());
    undelivered_.pop_front();
  }
}

// A job that was forgotten and submitted again may have an attempt of this number here once more, which is another one.
void Consumer::is_kept(const Finished& finished) {
  const auto is_its = [&](const auto& each) { return each.id == finished.id; };
  const auto known = std::count_if(undelivered_.begin(), undelivered_.end(), is_its) +
                     std::count_if(in_parts_.begin(), in_parts_.end(), is_its) +
                     std::count_if(held_.begin(), held_.end(), is_its);
  if (known > 1) return;
  world_.ledger.told_kept(instance(), finished.id);
  world_.ledger.release(instance(), finished.id);
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
    outcome.result = mark + std::string(world_.scenario.value_size(random), '.');
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
    send_outcomes(credit);
  } else if (credit > 0) {
    send(message::Credit{credit});
  }
  leave_when_drained();
}

// What does not fit into a whole message goes in messages of its own, and is kept by name.
void Consumer::send_outcomes(std::uint32_t credit) {
  const std::size_t part = world_.scenario.part;
  const std::size_t most = part > 0 ? part : world_.scenario.options.max_message;
  Batch batch(message::Type::outcome);
  while (sent_ < undelivered_.size()) {
    const Finished& finished = undelivered_[sent_];
    const std::size_t size = wire_size(finished.outcome);
    if (batch.is_full(size, most)) send(batch.finish(std::exchange(credit, 0)));
    batch.add(message::report_of(finished.id.job, finished.id.attempt, finished.outcome));
    if (batch.size() <= most) {
      ++sent_;
      continue;
    }
    Frame frame = batch.finish();
    const bool is_in_parts = frame.bytes().size() > most;
    send(std::move(frame));
    if (!is_in_parts) {
      ++sent_;
      continue;
    }
    in_parts_.push_back(finished);
    undelivered_.erase(undelivered_.begin() + static_cast<std::ptrdiff_t>(sent_));
  }
  if (!batch.empty()) send(batch.finish(std::exchange(credit, 0)));
  if (credit > 0) send(message::Credit{credit});
}

void Consumer::drain() {
  if (std::exchange(is_draining_, true)) return;
  world_.note("consumer instance % drains", {instance()});
  give_back(held_.size());
  if (is_up()) flush();
}

void Consumer::leave_when_drained() {
  if (!is_drained_ || !held_.empty() || !undelivered_.empty() || !in_parts_.empty()) return;
  leave(Time(world_.random.between(1000, 1'000'000)));
}

std::string Consumer::misses() const {
  std::string text;
  for (const Finished& finished : undelivered_)
    text += " job " + std::to_string(number_of(finished.id.job)) + " (KEPT)";
  for (const Finished& finished : in_parts_) text += " job " + std::to_string(number_of(finished.id.job)) + " (KEPT)";
  if (is_drain_said_) text += " DRAINED";
  return text;
}

void Consumer::die() {
  world_.ledger.consumer_died(instance());
  held_.clear();
  undelivered_.clear();
  in_parts_.clear();
  returns_.clear();
  sent_ = 0;
  kept_ = 0;
  credit_ = 0;
  voided_ = 0;
  is_draining_ = false;
  is_drain_said_ = false;
}

}  // namespace zebu::simulation
