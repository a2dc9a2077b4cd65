#include "tests/simulation/client.h"

namespace zebu::simulation {

message::Hello Client::hello() {
  message::Hello hello;
  hello.role = message::Role::client;
  hello.name = "client";
  hello.instance = uuid_of(IdKind::instance, instance());
  return hello;
}

void Client::up() {
  std::vector<JobId> unanswered;
  message::Wait waits;
  for (const auto& [id, entry] : entries_) {
    if (!entry.is_answered) {
      unanswered.push_back(id);
    } else if (entry.is_waiting) {
      waits.ids.push_back(id);
    }
  }
  say(unanswered);
  if (!waits.ids.empty()) send(waits);
  if (!cancels_.empty()) send_cancels({cancels_.begin(), cancels_.end()});
  echo_.reset();
}

// SUBMIT of those, apart by who waits for them and who does not; a long one goes alone, in parts.
void Client::say(const std::vector<JobId>& ids) {
  const std::size_t part = world_.scenario.part;
  for (const bool waits : {true, false}) {
    Batch batch(message::Type::submit);
    for (const JobId& id : ids) {
      if (entries_.at(id).is_waiting != waits) continue;
      const JobFacts& job = world_.ledger.of(id);
      const message::Submission submission{id, job.task, job.queue, job.args, job.options};
      const std::size_t size = part > 0 ? encode_entry(submission).size() : 0;
      if (batch.is_full(size, part > 0 ? part : world_.scenario.options.max_message)) send(batch.finish(waits ? 1 : 0));
      batch.add(submission);
      if (part > 0 && size > part / 2) batch.is_about(id);
    }
    if (!batch.empty()) send(batch.finish(waits ? 1 : 0));
  }
}

void Client::send_cancels(const std::vector<JobId>& ids) {
  Batch batch(message::Type::cancel);
  for (const JobId& id : ids) batch.add(id);
  send(batch.finish());
}

void Client::submit(std::size_t jobs) {
  Random& random = world_.random;
  std::vector<JobId> ids;
  const bool waits = random.percent(60);
  for (std::size_t i = 0; i < jobs; ++i) {
    JobFacts& job = world_.ledger.add(world_.queue_name(random.below(world_.scenario.queues)),
                                      std::string(World::task_name(random.below(world_.scenario.tasks))),
                                      world_.scenario.job_options(random, world_.wall()));
    job.is_poison = random.percent(world_.scenario.poisonous);
    job.args = std::string(world_.scenario.value_size(random), 'x');
    world_.note("instance % submits job %, priority %, transient %",
                {instance(), job.number, job.options.priority, job.options.transient ? 1U : 0U});
    entries_[job.id].is_waiting = waits;
    ids.push_back(job.id);
  }
  if (is_up()) say(ids);
}

void Client::wait(const JobId& id) {
  const auto [entry, is_new] = entries_.try_emplace(id, Entry{true, true});
  if (!is_new && (!entry->second.is_answered || entry->second.is_waiting)) return;
  world_.note("instance % waits for job %", {instance(), number_of(id)});
  entry->second.is_waiting = true;
  if (is_up()) send(message::Wait{{id}});
}

void Client::cancel(const JobId& id) {
  world_.note("instance % cancels job %", {instance(), number_of(id)});
  cancels_.insert(id);
  if (is_up()) send_cancels({id});
}

// Is this peer heard?
void Client::beat() {
  if (echo_ || !world_.random.percent(20)) return;
  echo_ = ++last_echo_;
  send(message::Echo{*echo_});
}

void Client::die() {
  entries_.clear();
  cancels_.clear();
}

void Client::leave_one() {
  for (auto entry = entries_.begin(); entry != entries_.end(); ++entry) {
    if (!entry->second.is_answered || !entry->second.is_waiting || !world_.random.percent(30)) continue;
    world_.note("instance % leaves job %", {instance(), number_of(entry->first)});
    if (is_up()) send(message::Leave{{entry->first}});
    entries_.erase(entry);
    return;
  }
}

void Client::handle(const message::Message& message) {
  Ledger& ledger = world_.ledger;
  if (const auto* accept = std::get_if<message::Accepted>(&message)) {
    for (const JobId& id : accept->ids) accepted(id);
  } else if (const auto* attach = std::get_if<message::Attached>(&message)) {
    for (const message::Attachment& each : attach->jobs) attached(each.id, each.to);
  } else if (const auto* refused = std::get_if<message::Refused>(&message)) {
    for (const message::Refusal& refusal : refused->jobs) {
      ledger.of(refusal.id).is_refused = true;
      world_.note("instance % hears that job % is REFUSED", {instance(), number_of(refusal.id)});
      entries_.erase(refusal.id);
    }
  } else if (const auto* done = std::get_if<message::Done>(&message)) {
    for (const message::Report& report : done->jobs) {
      ledger.told_done(report);
      entries_.erase(report.id);
    }
  } else if (const auto* ending = std::get_if<message::Ending>(&message)) {
    for (const message::EndingJob& job : ending->jobs) cancels_.erase(job.id);
  } else if (const auto* echo = std::get_if<message::Echo>(&message)) {
    if (echo_ != echo->number) throw Violation{"wire", "an ECHO that was not sent"};
    echo_.reset();
  } else if (const auto* unknown = std::get_if<message::Unknown>(&message)) {
    for (const JobId& id : unknown->ids) {
      cancels_.erase(id);
      const auto entry = entries_.find(id);
      if (entry == entries_.end() || !entry->second.is_answered) continue;
      ledger.told_unknown(id);
      entries_.erase(entry);
    }
  }
}

void Client::accepted(const JobId& id) {
  world_.ledger.told_accepted(id);
  const auto entry = entries_.find(id);
  if (entry == entries_.end()) return;
  entry->second.is_answered = true;
  if (!entry->second.is_waiting) entries_.erase(entry);
}

void Client::attached(const JobId& id, const JobId& to) {
  world_.ledger.told_attached(id, to);
  const auto entry = entries_.find(id);
  if (entry == entries_.end() || entry->second.is_answered) return;
  const bool was_waiting = entry->second.is_waiting;
  entries_.erase(entry);
  if (!was_waiting) return;
  entries_[to] = {true, true};
  // It may have left that job after its SUBMIT.
  if (is_up()) send(message::Wait{{to}});
}

std::string Client::misses() const {
  std::string text;
  for (const auto& [id, entry] : entries_) {
    text += " job " + std::to_string(number_of(id)) + (entry.is_answered ? " (DONE)" : " (an answer to SUBMIT)");
  }
  for (const JobId& id : cancels_) text += " job " + std::to_string(number_of(id)) + " (an answer to CANCEL)";
  if (echo_) text += " an answer to ECHO";
  return text;
}

}  // namespace zebu::simulation
