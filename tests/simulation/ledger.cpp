#include "tests/simulation/ledger.h"

#include <algorithm>

namespace zebu::simulation {

using broker::Record;

Uuid uuid_of(IdKind kind, std::uint64_t number) {
  Uuid id;
  id.bytes[0] = static_cast<std::uint8_t>(kind);
  for (std::size_t i = 0; i < 8; ++i) id.bytes[15 - i] = static_cast<std::uint8_t>(number >> (8 * i));
  return id;
}

std::uint64_t number_of(const Uuid& id) {
  std::uint64_t number = 0;
  for (std::size_t i = 8; i < 16; ++i) number = number << 8U | id.bytes[i];
  return number;
}

void Ledger::fail(std::string check, std::string what) { throw Violation{std::move(check), std::move(what)}; }

JobFacts& Ledger::add(std::string queue, std::string task, JobOptions options) {
  JobFacts& job = jobs_.emplace_back();
  job.number = jobs_.size() - 1;
  job.id = uuid_of(IdKind::job, job.number);
  job.queue = std::move(queue);
  job.task = std::move(task);
  job.options = std::move(options);
  return job;
}

void Ledger::check_not_final(const JobFacts& job, const Book& book) {
  if (book.is_present && is_final(book.state)) {
    fail("one outcome", "a record changes job " + std::to_string(job.number) + ", which has its outcome");
  }
}

// The attempts that a record names have ended: in order, none twice, and none at or above `below`.
void Ledger::check_attempts(const broker::SharedSpec& spec, const broker::AttemptLog& log, std::uint32_t below) const {
  if (!log) return;
  const std::string job = "job " + std::to_string(of(spec->id).number);
  if (log->empty() || log->size() > broker::kMaxAttempts) fail("attempts", job + " has a log of another length");
  std::uint32_t last = 0;
  for (const broker::AttemptRecord& each : *log) {
    if (each.attempt <= last || each.attempt >= below || each.ended < each.started) {
      fail("attempts", job + " has attempt " + std::to_string(each.attempt) + " in its log behind " +
                           std::to_string(last) + ", and is at " + std::to_string(below));
    }
    last = each.attempt;
  }
}

// What a record makes of a job. Both books are kept with it: one when it is decided, one when it is on the disk.
void Ledger::apply(Book JobFacts::*which, const Record& record) {
  const auto book_of = [&](const broker::SharedSpec& spec) -> Book& {
    JobFacts& job = of(spec->id);
    check_not_final(job, job.*which);
    return job.*which;
  };
  if (const auto* accepted = std::get_if<broker::JobAccepted>(&record)) {
    const JobState state = accepted->spec->due ? JobState::scheduled : JobState::queued;
    of(accepted->spec->id).*which = {
        true, accepted->spec, state, accepted->in_line, accepted->spec->due.value_or(WallTime{}), {}, {}, {}, false};
  } else if (const auto* evicted = std::get_if<broker::JobEvicted>(&record)) {
    book_of(evicted->spec).is_in_line = true;
  } else if (const auto* started = std::get_if<broker::AttemptStarted>(&record)) {
    Book& book = book_of(started->spec);
    book.state = JobState::running;
    book.is_in_line = false;
    book.has_begun = true;
    book.uses.attempt = started->attempt;
    if (started->losses) book.uses.losses = *started->losses;
    check_attempts(started->spec, started->earlier, started->attempt);
    if (!started->at.consumer) fail("attempts", "an attempt starts nowhere");
  } else if (const auto* back = std::get_if<broker::JobPutBack>(&record)) {
    Book& book = book_of(back->spec);
    book.state = JobState::queued;
    book.has_begun = true;
    book.uses = back->uses;
    check_attempts(back->spec, back->earlier, back->uses.attempt + 1);
  } else if (const auto* later = std::get_if<broker::JobRescheduled>(&record)) {
    Book& book = book_of(later->spec);
    book.state = JobState::scheduled;
    book.is_in_line = false;
    book.has_begun = true;
    book.uses = later->uses;
    check_attempts(later->spec, later->earlier, later->uses.attempt + 1);
    book.due = later->due;
  } else if (const auto* due = std::get_if<broker::JobDue>(&record)) {
    Book& book = book_of(due->spec);
    book.state = JobState::queued;
    book.is_in_line = due->in_line;
  } else if (const auto* finished = std::get_if<broker::JobFinished>(&record)) {
    Book& book = book_of(finished->spec);
    book.state = finished->outcome->state;
    book.is_in_line = false;
    book.uses = finished->uses;
    const bool by_attempt = finished->last.consumer != nullptr;
    check_attempts(finished->spec, finished->earlier, finished->uses.attempt + (by_attempt ? 0 : 1));
    if (finished->outcome->state == JobState::succeeded && !by_attempt) {
      fail("attempts", "job " + std::to_string(of(finished->spec->id).number) + " succeeded nowhere");
    }
    book.outcome = finished->outcome;
    book.finished = finished->finished;
  } else if (const auto* forgotten = std::get_if<broker::JobForgotten>(&record)) {
    if (!forgotten->at) (of(forgotten->id).*which).is_present = false;
  }
}

// ── the disk ────────────────────────────────────────────────────────────────────────────────────────────────────────

namespace {

std::string spelled(const Outcome& outcome) {
  return std::string(to_string(outcome.state)) + " " + outcome.result + outcome.error.type + outcome.error.message;
}

}  // namespace

void Ledger::commit(const std::vector<Record>& records, const std::vector<broker::Duplicate>& duplicates) {
  for (const Record& record : records) {
    const auto* accepted = std::get_if<broker::JobAccepted>(&record);
    if (accepted != nullptr) {
      const auto is_this = [&](const broker::Duplicate& d) { return d.spec->sequence == accepted->spec->sequence; };
      if (std::any_of(duplicates.begin(), duplicates.end(), is_this)) continue;
      JobFacts& job = of(accepted->spec->id);
      if (job.durable.is_present) fail("one outcome", "job " + std::to_string(job.number) + " was accepted twice");
      job.is_forgotten = false;
      job.sequence = accepted->spec->sequence;
      // A new job with the id of one that was forgotten.
      if (job.ended) job.ended_before.insert(*std::exchange(job.ended, std::nullopt));
      job.told.reset();
    }
    apply(&JobFacts::durable, record);
    if (accepted != nullptr) {
      check_new_key(of(accepted->spec->id));
      // It looked like one that was there already, and that was forgotten before this.
      const auto is_this = [&](const broker::SharedSpec& spec) { return spec == accepted->spec; };
      if (std::erase_if(doubled_, is_this) > 0) apply(&JobFacts::decided, record);
    }
    if (const auto* finished = std::get_if<broker::JobFinished>(&record)) {
      of(finished->spec->id).ended = spelled(*finished->outcome);
    } else if (const auto* forgotten = std::get_if<broker::JobForgotten>(&record)) {
      if (!forgotten->at) forgot(of(forgotten->id));
    } else if (const auto* queue = std::get_if<broker::QueueChanged>(&record)) {
      queue->settings.is_paused ? static_cast<void>(durably_paused_.insert(queue->settings.name))
                                : static_cast<void>(durably_paused_.erase(queue->settings.name));
    }
  }
}

void Ledger::drop(JobFacts& job) {
  forgot(job);
  job.durable.is_present = false;
  job.decided.is_present = false;
}

// Because their time was up.
void Ledger::dropped(const broker::Forgotten& forgotten) {
  for (const broker::Dropped& each : forgotten.jobs) {
    JobFacts& job = of(each.id);
    const auto kept = job.options.result_ttl.value_or(options_.failed_ttl);
    if (job.durable.state == JobState::failed && job.durable.finished + kept > forgotten.asked.now) {
      fail("failed jobs are kept", "job " + std::to_string(job.number) + " failed, and is forgotten too early");
    }
    drop(job);
  }
}

// Because their queues had too many failed jobs.
void Ledger::dropped(const broker::FailedForgotten& forgotten) {
  for (const broker::Dropped& each : forgotten.jobs) {
    check_is_oldest(of(each.id));
    drop(of(each.id));
  }
}

void Ledger::check_is_oldest(const JobFacts& job) const {
  std::uint64_t failed = 0;
  bool is_oldest = true;
  for (const JobFacts& other : jobs_) {
    const Book& book = other.durable;
    if (!book.is_present || book.state != JobState::failed || other.queue != job.queue) continue;
    ++failed;
    is_oldest = is_oldest && book.finished >= job.durable.finished;
  }
  if (job.durable.state != JobState::failed || failed <= options_.failed_limit || !is_oldest) {
    fail("failed jobs are kept", "job " + std::to_string(job.number) + " is forgotten, and its queue has " +
                                     std::to_string(failed) + " failed jobs");
  }
}

// A job that is submitted again after its outcome was forgotten is a new one; who still has its last attempt need not
// wait for that.
void Ledger::forgot(JobFacts& job) {
  job.is_forgotten = job.was_forgotten = true;
  for (Holding& holding : job.holdings) holding.is_excused = true;
}

bool Ledger::is_paused(const std::string& queue) const { return paused_.contains(queue); }

// Of two jobs of a queue with one key, the older one must have let it go before.
void Ledger::check_new_key(const JobFacts& job) {
  const std::string& key = job.options.unique;
  if (key.empty()) return;
  for (const JobFacts& other : jobs_) {
    const Book& book = other.durable;
    if (other.number == job.number || other.options.unique != key || other.queue != job.queue) continue;
    if (!book.is_present || is_final(book.state)) continue;
    if (other.options.unique_while == UniqueWhile::queued && book.has_begun) continue;
    fail("unique", "jobs " + std::to_string(other.number) + " and " + std::to_string(job.number) + " both have " + key);
  }
}

}  // namespace zebu::simulation
