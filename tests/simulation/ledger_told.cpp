#include "tests/simulation/ledger.h"

// What clients are told.
namespace zebu::simulation {

void Ledger::told_accepted(const JobId& id) {
  JobFacts& job = of(id);
  trace_.note(time_.now(), "a client hears ACCEPTED of job %", {job.number});
  job.is_accepted = true;
  if (job.options.transient) return;
  if (!job.durable.is_present && !job.is_forgotten) {
    fail("accepted is durable", "job " + std::to_string(job.number) + " was ACCEPTED and is not on the disk");
  }
}

void Ledger::told_attached(const JobId& id, const JobId& to) {
  JobFacts& job = of(id);
  const JobFacts& other = of(to);
  trace_.note(time_.now(), "a client hears that job % is ATTACHED to job %", {job.number, other.number});
  job.attached_to = other.number;
  const bool has_its_key = !job.options.unique.empty() && job.options.unique == other.options.unique &&
                           job.queue == other.queue && job.options.transient == other.options.transient;
  if (!has_its_key || job.durable.is_present) {
    fail("unique", "job " + std::to_string(job.number) + " is attached to job " + std::to_string(other.number) +
                       ", which has another key or queue, or is there all the same");
  }
}

void Ledger::told_done(const message::Report& report) {
  JobFacts& job = of(report.id);
  const Outcome outcome = message::outcome_of(report);
  const std::string text =
      std::string(to_string(outcome.state)) + " " + outcome.result + outcome.error.type + outcome.error.message;
  trace_.note(time_.now(), "a client hears DONE of job %: state %",
              {job.number, static_cast<std::uint64_t>(outcome.state)});
  if (job.ended != text && job.ended_before.contains(text)) return;  // of a job with this id before, and late
  if (job.told && *job.told != text && !job.may_run_again) {
    fail("one outcome", "job " + std::to_string(job.number) + " was '" + *job.told + "', now it is '" + text + "'");
  }
  job.told = text;
  if (job.options.transient) return;
  if (job.ended != text) {
    fail("done is durable", "job " + std::to_string(job.number) + " is told to be '" + text +
                                "', and on the disk it is '" + job.ended.value_or("nothing") + "'");
  }
}

void Ledger::told_unknown(const JobId& id) {
  const JobFacts& job = of(id);
  trace_.note(time_.now(), "a client hears UNKNOWN of job %", {job.number});
  if (!job.options.transient && job.is_accepted && !job.was_forgotten) {
    fail("no job lost", "job " + std::to_string(job.number) + " was ACCEPTED, and now it is UNKNOWN");
  }
}

void Ledger::check_end() const {
  for (const JobFacts& job : jobs_) {
    const std::string name = "job " + std::to_string(job.number);
    const bool is_lost_with_broker = job.options.transient && job.may_run_again;
    const bool is_there = job.durable.is_present || job.is_forgotten;
    if (!job.options.transient && job.is_accepted && !is_there) fail("no job lost", name + " was ACCEPTED and is gone");
    if (job.durable.is_present && !is_final(job.durable.state)) {
      fail("comes to its end", name + " is still " + std::string(to_string(job.durable.state)));
    }
    if (job.options.transient && job.is_accepted && !is_lost_with_broker && !(job.seen && is_final(*job.seen))) {
      fail("comes to its end", name + ", a transient one, is not finished");
    }
  }
}

}  // namespace zebu::simulation
