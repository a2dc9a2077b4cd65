#include "broker/engine/life/ruling.h"

#include "broker/engine/life/backoff.h"

#include <algorithm>

namespace zebu::broker {
namespace {

Ruling finish(const Uses& uses, Outcome outcome) { return {Ruling::Next::finish, uses, std::move(outcome), {}, true}; }

Ruling consumer_lost(const Uses& uses, std::string message) {
  return finish(uses, Outcome::failed({"zebu::ConsumerLost", std::move(message), {}, ErrorKind::permanent}));
}

}  // namespace

Ruling Judge::ended(const RunningJob& job, Outcome outcome) const {
  if (outcome.state == JobState::cancelled && !job.cancel_asked) {
    // It was told to stop by a broker before this one, which did not get to write down why.
    Ruling ruling = lost(job, End::lost, Blame::charged);
    ruling.frees_holder = true;
    return ruling;
  }
  if (outcome.state != JobState::failed || outcome.error.kind == ErrorKind::permanent) {
    return finish(job.uses, std::move(outcome));
  }
  return outcome.error.kind == ErrorKind::crash ? crashed(job, std::move(outcome)) : failed(job, std::move(outcome));
}

Ruling Judge::failed(const RunningJob& job, Outcome outcome) {
  const JobOptions& options = job.spec.options;
  Uses uses = job.uses;
  ++uses.failures;
  if (uses.failures > options.retry.max || options.acks_early) return finish(uses, std::move(outcome));
  if (job.cancel_asked) return finish(uses, Outcome::cancelled());
  const auto wanted = outcome.error.retry_after();
  const auto delay = wanted ? std::min(*wanted, options.retry.cap) : backoff(options.retry, job.spec.id, uses.failures);
  return {Ruling::Next::reschedule, uses, std::move(outcome), delay, true};
}

Ruling Judge::crashed(const RunningJob& job, Outcome outcome) const {
  Uses uses = job.uses;
  ++uses.crashes;
  if (uses.crashes >= max_crashes_ || job.spec.options.acks_early) {
    if (uses.crashes > 1) {
      outcome.error.message += " (crash " + std::to_string(uses.crashes) + ": it is not tried again)";
    }
    return finish(uses, std::move(outcome));
  }
  if (job.cancel_asked) return finish(uses, Outcome::cancelled());
  return {Ruling::Next::requeue, uses, std::move(outcome), {}, true};
}

Ruling Judge::lost(const RunningJob& job, End how, Blame blame) const {
  Uses uses = job.uses;
  if (job.cancel_asked) return finish(uses, Outcome::cancelled());
  if (how == End::lost && blame == Blame::charged) ++uses.losses;
  if (how != End::replaced && job.spec.options.acks_early) {
    return consumer_lost(uses, "its consumer was lost, and it may run at most once");
  }
  if (how != End::replaced && uses.losses >= max_losses_) {
    return consumer_lost(uses, std::to_string(uses.losses) + " consumers were lost while they had this job");
  }
  // A consumer that is only silent may come back and claim the attempt.
  return {Ruling::Next::requeue, uses, std::nullopt, {}, how != End::lost};
}

}  // namespace zebu::broker
