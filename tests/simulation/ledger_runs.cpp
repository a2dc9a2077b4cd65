#include "tests/simulation/ledger.h"

#include <algorithm>

// What consumers run.
namespace zebu::simulation {

void Ledger::hold(std::uint64_t consumer, const AttemptId& attempt) {
  living_.insert(consumer);
  JobFacts& job = of(attempt.job);
  for (const Holding& holding : job.holdings) {
    // A transient job's attempts are numbered anew after the broker, and any job's after it was forgotten.
    const bool is_anew = job.may_run_again || job.was_forgotten;
    if (holding.consumer != consumer || holding.attempt != attempt.attempt || is_anew) continue;
    fail("runs once", "job " + std::to_string(job.number) + ", attempt " + std::to_string(attempt.attempt) +
                          " is assigned to consumer " + std::to_string(consumer) + ", which has it");
  }
  job.holdings.push_back({consumer, attempt.attempt});
  // Or a broker that is dead by now sent it: a transient job may be submitted again, and run again.
  const bool is_lost = job.options.transient && job.may_run_again && !job.seen;
  job.holdings.back().is_excused = is_lost || job.given_up.contains({consumer, attempt.attempt});
}

// Nobody else may be at it, or have done it and not been heard: unless the broker could not know, or had to give it up.
void Ledger::begin(std::uint64_t consumer, const AttemptId& attempt) {
  JobFacts& job = of(attempt.job);
  trace_.note(time_.now(), "consumer % begins job %, attempt %", {consumer, job.number, attempt.attempt});
  Holding* mine = nullptr;
  for (Holding& holding : job.holdings) {
    if (holding.consumer == consumer && holding.attempt == attempt.attempt) mine = &holding;
  }
  for (const Holding& other : job.holdings) {
    if (&other == mine || !other.is_started || other.is_reported || other.is_excused || mine->is_excused) continue;
    fail("runs once", "job " + std::to_string(job.number) + " begins at consumer " + std::to_string(consumer) +
                          ", and consumer " + std::to_string(other.consumer) + " has it");
  }
  mine->is_started = true;
  ++job.executions;
  if (job.options.acks_early && job.executions > 1 && !job.may_run_again && !job.was_forgotten) {
    fail("at most once", "job " + std::to_string(job.number) + " acks early and begins again");
  }
}

void Ledger::end(const AttemptId& attempt, const Outcome& outcome) {
  JobFacts& job = of(attempt.job);
  if (outcome.state != JobState::failed) return;
  if (outcome.error.kind == ErrorKind::failure) ++job.failed;
  if (outcome.error.kind == ErrorKind::crash) ++job.crashed;
}

void Ledger::release(std::uint64_t consumer, const AttemptId& attempt) {
  auto& holdings = of(attempt.job).holdings;
  const auto found = std::find_if(holdings.begin(), holdings.end(), [&](const Holding& h) {
    return h.consumer == consumer && h.attempt == attempt.attempt;
  });
  if (found != holdings.end()) holdings.erase(found);
}

// An outcome that its consumer forgets now: the disk must have made something of it.
void Ledger::told_kept(std::uint64_t consumer, const AttemptId& attempt) {
  const JobFacts& job = of(attempt.job);
  const Book& book = job.durable;
  for (const Holding& holding : job.holdings) {
    if (holding.consumer != consumer || holding.attempt != attempt.attempt || holding.is_excused) continue;
    const bool is_open = (book.state == JobState::running && book.uses.attempt == attempt.attempt) ||
                         (book.state == JobState::queued && book.uses.attempt < attempt.attempt);
    if (book.is_present && is_open) {
      fail("kept is durable", "the outcome of job " + std::to_string(job.number) + " is KEPT, and not on the disk");
    }
  }
}

void Ledger::consumer_died(std::uint64_t consumer) {
  living_.erase(consumer);
  for (JobFacts& job : jobs_) std::erase_if(job.holdings, [&](const Holding& h) { return h.consumer == consumer; });
}

void Ledger::excuse(std::uint64_t consumer, std::optional<broker::SessionId> session) {
  for (JobFacts& job : jobs_) {
    if (session && job.session == session) job.given_up.emplace(consumer, job.attempt);
    for (Holding& holding : job.holdings) {
      if (holding.consumer == consumer) holding.is_excused = true;
    }
  }
}

}  // namespace zebu::simulation
