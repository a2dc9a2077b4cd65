#include "broker/engine/engine.h"
#include "broker/engine/life/backoff.h"

#include <algorithm>

// From an assignment to its end: who gets which job, and what follows from how the attempt ended.
namespace zebu::broker {
namespace {

// A start that no record tells of: after a crash of the broker within this time the attempt may not be counted. Jobs
// that end sooner cost one record less.
constexpr std::chrono::milliseconds kRecordStartAfter{20};

Outcome failed(std::string type, std::string message) {
  Outcome outcome;
  outcome.state = JobState::failed;
  outcome.error = {std::move(type), std::move(message), {}, ErrorKind::permanent};
  return outcome;
}

}  // namespace

// ── assigning ───────────────────────────────────────────────────────────────────────────────────────────────────────

// First job in line first, consumers in turn: first to slots that are free, then to what consumers take in advance.
void Engine::assign(Moment now, Effects& out) {
  if (hold_until_ || given_up_with_ > settled_) return;
  for (const bool beyond_slots : {false, true}) {
    bool has_assigned = true;
    while (has_assigned && jobs_.count(JobState::queued) > 0) {
      has_assigned = false;
      for (std::size_t i = 0; i < consumers_.size(); ++i) {
        Consumer& next = *consumers_[turn_ % consumers_.size()];
        ++turn_;
        if (next.credit == 0 || (!beyond_slots && next.running.size() >= next.slots)) continue;
        if (assign_one(next, now, out)) has_assigned = true;
      }
    }
  }
}

void Engine::hand_out(Moment now, Effects& out) {
  const bool is_expired = !jobs_.deadlines().empty() && jobs_.deadlines().begin()->deadline <= now.wall;
  if (is_expired || is_purging_) return;  // the tick sees to that first
  last_ = now;
  assign(now, out);
}

bool Engine::assign_one(Consumer& consumer, Moment now, Effects& out) {
  Job* first = nullptr;
  for (Queue* queue : consumer.queues) {
    if (queue->line.empty() || queue->settings.is_paused) continue;
    Job& next = *queue->line.begin();
    // What is before it in the store goes first, and is being loaded; and a durable job goes to nobody whom a restarted
    // broker would not wait for. A transient job does not wait for the store.
    const bool must_wait = queue->window.is_beyond(next.line_key()) || consumer.known_with > settled_;
    if (must_wait && !next.is_transient()) continue;
    if (!first || next.line_key() < first->line_key()) first = &next;
  }
  if (!first) return false;
  give(*first, consumer, now, out);
  return true;
}

void Engine::give(Job& job, Consumer& consumer, Moment now, Effects& out) {
  --consumer.credit;
  ++totals_.assigned;
  const bool has_stray = skip_stray(job);
  ++job.uses.attempt;
  job.session = consumer.session;
  const InstanceId older = std::exchange(job.holder, sessions_.at(consumer.session).instance);
  job.started = now.wall;
  job.is_start_recorded = false;
  jobs_.start(job, consumer.running);
  const JobOptions& options = job.spec->options;
  // Somebody may name an attempt of it to a broker after this one. It must not look as if that were the newest.
  const bool may_be_claimed = has_stray || consumer.is_late || (older != InstanceId{} && older != job.holder);
  if (options.acks_early || options.unique_while == UniqueWhile::queued || may_be_claimed) {
    record_start(job, out);
  } else if (!options.transient) {
    starts_.push_back({{job.spec->id, job.uses.attempt}, now.steady + kRecordStartAfter});
  }
  set_limit(job);
  out.assigned.push_back({consumer.session, {job.spec, job.uses.attempt}, due_batch(job)});
}

// The consumer ends an attempt that runs into its hard limit; if it does not, the broker does, a liveness time later.
void Engine::set_limit(Job& job) {
  if (job.spec->options.hard_limit) {
    jobs_.set_deadline(job, last_.wall + *job.spec->options.hard_limit + options_.liveness);
  }
}

void Engine::record_start(Job& job, Effects& out) {
  job.is_start_recorded = true;
  record(job, AttemptStarted{job.spec, job.uses.attempt, job.holder, job.cancel_asked}, out);
}

void Engine::record_starts(Moment now, Effects& out) {
  while (!starts_.empty() && now.steady >= starts_.front().record_at) {
    const AttemptId attempt = starts_.front().attempt;
    starts_.pop_front();
    Job* job = jobs_.find(attempt.job);
    const bool runs = job != nullptr && job->state == JobState::running && job->uses.attempt == attempt.attempt;
    if (runs && !job->is_start_recorded) record_start(*job, out);
  }
}

// ── from consumers ──────────────────────────────────────────────────────────────────────────────────────────────────

void Engine::credit(SessionId session, std::uint32_t credit, Effects& out) {
  Consumer& from = consumer(session);
  if (from.draining) return;
  if (from.credit + credit > message::kMaxCredit) {
    out.errors.push_back({session, {ErrorCode::bad_message, "credit above 65535", {}}});
    end_session(session, End::lost, out);
    return;
  }
  from.credit += credit;
}

Job* Engine::assigned_job(SessionId session, const AttemptId& attempt) {
  Job* job = jobs_.find(attempt.job);
  const bool is_its =
      job && job->state == JobState::running && job->session == session && job->uses.attempt == attempt.attempt;
  return is_its ? job : nullptr;
}

void Engine::outcome(SessionId session, const message::OutcomeReport& report, Moment now, Effects& out) {
  last_ = now;
  Consumer& from = consumer(session);
  for (const message::Report& attempt : report.jobs) {
    Job* job = assigned_job(session, {attempt.id, attempt.attempt});
    if (!job || attempt.state == JobState::expired) {
      ++totals_.stale_outcomes;
      // An older session may have said the same just before, and that is not durable yet.
      if (newest_ > settled_) from.outcomes_batch = std::max(from.outcomes_batch, newest_);
      continue;
    }
    if (!job->is_transient()) from.outcomes_batch = open_;
    ++job->queue->out.count;
    end_attempt(*job, attempt, now, out);
  }
  from.outcomes += report.jobs.size();
  from.unconfirmed += report.jobs.size();
  for (const message::Report& attempt : report.jobs) from.unconfirmed_bytes += attempt.result.size();
  if (!report.jobs.empty() && from.outcomes_batch == 0) confirm(from, from.outcomes, out);
  credit(session, report.credit, out);
}

// Nobody waits for KEPT but a consumer that wants to leave. So it need not wake one up for each job: it goes along with
// the next beat, unless the consumer would have to keep much until then.
void Engine::confirm(Consumer& consumer, std::uint64_t count, Effects& out) {
  if (count < consumer.confirmed) return;
  consumer.confirmed = count;
  constexpr std::size_t kMany = 256;
  constexpr std::size_t kMuch = 64U << 10;
  const bool at_once = consumer.draining || consumer.unconfirmed >= kMany || consumer.unconfirmed_bytes >= kMuch;
  if (at_once) consumer.unconfirmed = consumer.unconfirmed_bytes = 0;
  out.kept.push_back({consumer.session, count, at_once});
}

void Engine::give_back(SessionId session, const message::Return& jobs, Moment now, Effects& out) {
  last_ = now;
  for (const AttemptId& attempt : jobs.jobs) {
    Job* job = assigned_job(session, attempt);
    if (!job) continue;
    ++totals_.returned;
    --job->uses.attempt;
    job->holder = {};  // who had the attempt before has no claim to it
    if (job->cancel_asked) {
      finish(*job, Outcome{}, now, out);
      continue;
    }
    jobs_.put_back(*job);
    // If the store has heard nothing of the attempt, there is nothing to take back.
    if (job->is_start_recorded) record(*job, JobPutBack{job->spec, job->uses, true}, out);
    enter_line(*job, out);
  }
  consumer(session).credit = 0;  // else they would go there again at once
  credit(session, jobs.credit, out);
}

void Engine::drain(SessionId session, Effects& out) {
  Consumer& from = consumer(session);
  from.draining = true;
  from.credit = 0;
  if (from.outcomes > 0 && from.outcomes_batch == 0) confirm(from, from.outcomes, out);
}

void Engine::progress(SessionId session, const message::ProgressReports& reports, Effects& out) {
  for (const message::ProgressReport& report : reports.jobs) {
    Job* job = assigned_job(session, {report.id, report.attempt});
    if (!job) continue;
    if (!job->progress) job->progress = std::make_unique<Progress>();
    Progress& progress = *job->progress;
    if (report.done) progress.done = report.done;
    if (!report.note.empty()) progress.note = report.note.substr(0, kMaxNote);
    progress.output += report.output;
    if (progress.output.size() > kMaxOutput) progress.output.erase(0, progress.output.size() - kMaxOutput);
    for (const SessionId waiter : job->waiters) {
      if (sessions_.count(waiter) > 0) out.progressed.push_back({waiter, report});
    }
  }
}

// ── how attempts end ────────────────────────────────────────────────────────────────────────────────────────────────

void Engine::end_attempt(Job& job, const message::Report& report, Moment now, Effects& out) {
  Outcome outcome = message::outcome_of(report);
  if (outcome.state == JobState::cancelled && !job.cancel_asked) {
    // It was told to stop by a broker before this one, which did not get to write down why.
    job.holder = {};
    lose(job, End::lost, out);
  } else if (outcome.state != JobState::failed || outcome.error.kind == ErrorKind::permanent) {
    finish(job, std::move(outcome), now, out);
  } else if (outcome.error.kind == ErrorKind::crash) {
    fail_or_put_back(job, std::move(outcome), now, out);
  } else {
    fail_or_retry(job, std::move(outcome), now, out);
  }
}

void Engine::fail_or_retry(Job& job, Outcome outcome, Moment now, Effects& out) {
  const JobOptions& options = job.spec->options;
  ++job.uses.failures;
  if (job.uses.failures > options.retry.max || options.acks_early) return finish(job, std::move(outcome), now, out);
  if (job.cancel_asked) return finish(job, Outcome{}, now, out);
  ++totals_.retried;
  job.outcome = std::make_shared<const Outcome>(std::move(outcome));
  job.holder = {};
  jobs_.reschedule(job, now.wall + backoff(options.retry, job.spec->id, job.uses.failures));
  record(job, JobRescheduled{job.spec, job.uses, job.due, job.outcome}, out);
  enter_schedule(job);
}

void Engine::fail_or_put_back(Job& job, Outcome outcome, Moment now, Effects& out) {
  ++totals_.crashed;
  ++job.uses.crashes;
  if (job.uses.crashes >= options_.max_crashes || job.spec->options.acks_early) {
    if (job.uses.crashes > 1) {
      outcome.error.message += " (crash " + std::to_string(job.uses.crashes) + ": it is not tried again)";
    }
    return finish(job, std::move(outcome), now, out);
  }
  if (job.cancel_asked) return finish(job, Outcome{}, now, out);
  job.outcome = std::make_shared<const Outcome>(std::move(outcome));
  job.holder = {};  // it may send this outcome again, and must not find the attempt open
  put_back(job, out);
}

// Its consumer is not there any more, or is and does not have it.
void Engine::lose(Job& job, End how, Effects& out) {
  if (job.cancel_asked) return finish(job, Outcome{}, last_, out);
  ++totals_.put_back;
  if (how != End::lost) job.holder = {};  // it does not have the attempt any more, and will not claim it
  if (how == End::replaced) return put_back(job, out);
  if (how == End::lost) ++job.uses.losses;
  if (job.spec->options.acks_early) {
    return finish(job, failed("zebu::ConsumerLost", "its consumer was lost, and it may run at most once"), last_, out);
  }
  if (job.uses.losses >= options_.max_losses) {
    return finish(
        job,
        failed("zebu::ConsumerLost", std::to_string(job.uses.losses) + " consumers were lost while they had this job"),
        last_, out);
  }
  put_back(job, out);
}

void Engine::put_back(Job& job, Effects& out) {
  jobs_.put_back(job);
  job.progress.reset();
  record(job, JobPutBack{job.spec, job.uses, job.holder == InstanceId{}}, out);
  enter_line(job, out);
}

void Engine::finish(Job& job, Outcome outcome, Moment now, Effects& out) {
  switch (outcome.state) {
    case JobState::succeeded:
      ++totals_.succeeded;
      break;
    case JobState::failed:
      ++totals_.failed;
      break;
    case JobState::expired:
      ++totals_.expired;
      break;
    default:
      ++totals_.cancelled;
  }
  const JobOptions& options = job.spec->options;
  std::optional<WallTime> forget_at;
  if (options.result_ttl) {
    forget_at = now.wall + *options.result_ttl;
  } else if (outcome.state != JobState::failed) {
    forget_at = now.wall + options_.result_ttl;
  }
  // As long as it has its key, others are answered with its outcome.
  if (forget_at && outcome.state == JobState::succeeded && !options.unique.empty()) {
    forget_at = std::max(*forget_at, now.wall + options.unique_for);
  }
  auto shared = std::make_shared<const Outcome>(std::move(outcome));
  record(job, JobFinished{job.spec, job.uses, shared, now.wall, forget_at}, out);
  const bool keeps_key = shared->state == JobState::succeeded && options.unique_for.count() > 0;
  if (options.transient && !options.unique.empty() && !keeps_key) {
    const auto holder = unique_.find(options.unique);
    if (holder != unique_.end() && holder->second == job.spec->id) unique_.erase(holder);
  }
  jobs_.finish(job, std::move(shared), now.wall);
  const bool is_as_others = !options.result_ttl && forget_at <= now.wall + options_.result_ttl;
  if (options.transient && forget_at && !is_as_others) jobs_.set_deadline(job, *forget_at);
  for (const SessionId waiter : job.waiters) {
    if (sessions_.count(waiter) > 0) tell_done(waiter, job, out);
  }
  job.waiters.clear();
}

}  // namespace zebu::broker
