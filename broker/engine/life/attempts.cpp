#include "broker/engine/engine.h"
#include "zebu/progress.h"
#include "zebu/utf8.h"

#include <algorithm>

// From an assignment to its end.
namespace zebu::broker {
namespace {

// A start that no record tells of: after a crash of the broker within this time the attempt may not be counted. Jobs
// that end sooner cost one record less.
constexpr std::chrono::milliseconds kRecordStartAfter{20};

// Ill-formed texts are mended for all who read them later.
void mend_texts(message::ProgressReport& report, Effects& out) {
  if (is_utf8(report.note) && is_utf8(report.output)) return;
  Progress& copy = out.mended.emplace_back(Progress{{}, std::string(report.note), std::string(report.output)});
  mend(copy);
  report.note = copy.note;
  report.output = copy.output;
}

}  // namespace

// ── assigning ───────────────────────────────────────────────────────────────────────────────────────────────────────

void Engine::assign(Moment now, Effects& out) {
  show_changes();
  if (!may_assign()) return;
  while (true) {
    auto match = dispatch_.next(Dispatch::Want::slots);
    if (!match) match = dispatch_.next(Dispatch::Want::ahead);
    if (!match) return;
    Job& job = *match->line->jobs().begin();
    if (has_expired(job)) {  // since its line was shown
      jobs_.touch(*match->line);
      show_changes();
      continue;
    }
    give(job, consumer(match->consumer), now, out);
    show_changes();
  }
}

void Engine::hand_out(Moment now, Effects& out) {
  const bool is_expired = !jobs_.deadlines().empty() && jobs_.deadlines().begin()->deadline <= now.wall;
  if (is_expired || is_purging_) return;  // the tick sees to that first
  last_ = now;
  assign(now, out);
}

void Engine::give(Job& job, Consumer& consumer, Moment now, Effects& out) {
  --consumer.credit;
  ++totals_.assigned;
  count_wait(job, now);
  const bool has_stray = claims_.skip_strays(job);
  ++job.uses.attempt;
  job.session = consumer.session;
  job.consumer = consumer.name;
  if (job.extras) {
    job.extras->failed_on.reset();
    job.extras->progress.reset();
  }
  const std::optional<InstanceId> older = std::exchange(job.holder, consumer.instance);
  job.started = now.wall;
  job.has_started = true;
  job.is_start_recorded = false;
  jobs_.start(job, consumer.running);
  if (job.is_suspect()) watch_suspect(job, consumer);
  changed(consumer);
  const JobOptions& options = job.spec->options;
  // Somebody may name an attempt of it to a broker after this one. It must not look as if that were the newest.
  const bool may_be_claimed = has_stray || consumer.is_late || (older && older != job.holder);
  if (options.acks_early || options.unique_while == UniqueWhile::queued || may_be_claimed) {
    record_start(job, out);
  } else if (!options.transient) {
    starts_.push_back({{job.spec->id, job.uses.attempt}, now.steady + kRecordStartAfter});
  }
  set_limit(job);
  tell_move(Effects::JobNews::What::assigned, job, out);
  out.assigned.push_back({consumer.session, {job.spec, job.uses}, batches_.due(job.batch)});
}

// Of a job's first attempt: since it was accepted, or since its time came.
void Engine::count_wait(const Job& job, Moment now) {
  if (!jobs_.counts().is_on() || job.has_started || job.uses.attempt > 0) return;
  const JobSpec& spec = *job.spec;
  const WallTime since = spec.due ? std::max(spec.submitted, jobs_.due_of(spec)) : spec.submitted;
  Counts::started(job.queue->counts, now.wall - since);
}

// The consumer ends an attempt that runs into its hard limit; if it does not, the broker does, a liveness time later.
void Engine::set_limit(Job& job) {
  const auto limit = job.spec->options.hard_limit;
  // One that was claimed late may have its outcome on the way.
  if (limit) jobs_.set_deadline(job, std::max(job.started + *limit, last_.wall) + options_.liveness);
}

// took_loss_back: a loss that the store has counted was none.
void Engine::record_start(Job& job, Effects& out, bool took_loss_back) {
  job.is_start_recorded = true;
  AttemptStarted started{job.spec, job.uses.attempt, *job.holder, job.cancel_asked, job.last_attempt(), job.attempts()};
  if (took_loss_back) started.losses = job.uses.losses;
  record(job, std::move(started), out);
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
  if (from.draining || from.is_cut_off || credit == 0) return;
  if (from.credit + credit > message::kMaxCredit) {
    message::About about;
    about.type = static_cast<std::uint8_t>(message::Type::credit);
    const std::string why = "credit above 65535: " + std::to_string(credit) + " more do not count";
    out.errors.push_back({session, {{ErrorCode::bad_message, why, {}}, std::move(about)}});
    return;
  }
  from.credit += credit;
  changed(from);
}

Job* Engine::assigned_job(SessionId session, const AttemptId& attempt) {
  Job* job = jobs_.find(attempt.job);
  const bool is_its =
      job && job->state == JobState::running && job->session == session && job->uses.attempt == attempt.attempt;
  return is_its ? job : nullptr;
}

// job: null if the attempt is not its sender's.
template <class MakeOutcome>
void Engine::take_outcome(Consumer& from, Job* job, MakeOutcome&& outcome, Effects& out) {
  if (job == nullptr) {
    ++totals_.stale_outcomes;
    // An older session may have said the same just before, and that is not durable yet.
    return from.receipts.depends_on(batches_.due(batches_.newest()));
  }
  if (!job->is_transient()) from.receipts.depends_on(batches_.open());
  ++job->queue->out.count;
  Outcome ended = outcome();
  if (ended.state == JobState::succeeded || ended.state == JobState::failed) {
    jobs_.counts().ran(job->queue->name, job->queue->counts, job->spec->task, ended.ran);
    const bool is_well = ended.state == JobState::succeeded;
    if (!is_well || from.health.has_failed()) ended_well(from, is_well);
  }
  end_attempt(*job, std::move(ended), out);
}

void Engine::outcome(SessionId session, const message::OutcomeReport& report, Moment now, Effects& out, bool in_parts) {
  last_ = now;
  Consumer& from = consumer(session);
  std::size_t bytes = 0;
  for (const message::Report& attempt : report.jobs) {
    bytes += attempt.result.size();
    Job* job = attempt.state == JobState::expired ? nullptr : assigned_job(session, {attempt.id, attempt.attempt});
    take_outcome(
        from, job, [&] { return message::outcome_of(attempt); }, out);
  }
  for (const message::BadEntry& bad : report.bad) end_unreadable(from, bad, out);
  changed(from);
  if (in_parts) {
    for (const message::Report& attempt : report.jobs) from.receipts.add_in_parts({attempt.id, attempt.attempt}, bytes);
    for (const message::BadEntry& bad : report.bad) {
      if (bad.id) from.receipts.add_in_parts({*bad.id, bad.attempt}, 0);
    }
  } else {
    from.receipts.add(report.jobs.size() + report.bad.size(), bytes);
  }
  if (!report.jobs.empty() || !report.bad.empty() || from.receipts.is_waiting()) tell_kept_or_wait(from, out);
  credit(session, report.credit, out);
}

void Engine::tell_kept_or_wait(Consumer& from, Effects& out) {
  if (!from.receipts.is_waiting()) return tell_kept(from, from.receipts.at_once(from.draining), out);
  if (!std::exchange(from.awaits_receipts, true)) awaiting_receipts_.push_back(&from);
}

bool Engine::is_durable_attempt(SessionId session, const AttemptId& attempt) const {
  const Job* job = jobs_.find(attempt.job);
  return job && job->state == JobState::running && job->session == session && job->uses.attempt == attempt.attempt &&
         !job->is_transient();
}

void Engine::has_outcome(const JobId& id) {
  Job* job = jobs_.find(id);
  if (job != nullptr && job->state == JobState::running) jobs_.clear_deadline(*job);
}

std::uint64_t Engine::hold_outcome(SessionId session, std::size_t bytes) {
  return consumer(session).receipts.hold(bytes);
}

void Engine::outcome_held_back(SessionId session, const AttemptId& attempt, Outcome& outcome,
                               std::optional<std::uint64_t> place, Moment now, Effects& out) {
  last_ = now;
  Consumer& from = consumer(session);
  const std::size_t bytes = outcome.result.size();
  take_outcome(
      from, assigned_job(session, attempt), [&] { return std::move(outcome); }, out);
  if (place) {
    from.receipts.release(*place, batches_.open());
  } else {
    from.receipts.add_in_parts(attempt, bytes);
  }
  changed(from);
  tell_kept_or_wait(from, out);
}

// The attempt has ended, and nobody can read how: that is a failure, and its job does not stay here as running for
// ever.
void Engine::end_unreadable(Consumer& from, const message::BadEntry& bad, Effects& out) {
  if (!bad.id || bad.attempt == 0) return;
  const AttemptId attempt{*bad.id, bad.attempt};
  message::About about;
  about.attempt = attempt;
  out.errors.push_back({from.session, {{ErrorCode::bad_message, "OUTCOME: " + bad.why, {}}, std::move(about)}});
  const auto failure = [&] {
    return Outcome::failed({"zebu::BadOutcome", "the consumer's outcome cannot be read: " + bad.why, {}, {}});
  };
  take_outcome(from, assigned_job(from.session, attempt), failure, out);
}

void Engine::give_back(SessionId session, const message::Return& jobs, Moment now, Effects& out) {
  last_ = now;
  for (const AttemptId& attempt : jobs.jobs) {
    Job* job = assigned_job(session, attempt);
    if (!job) continue;
    ++totals_.returned;
    --job->uses.attempt;
    job->holder.reset();  // the holder of the attempt before has no claim to it
    job->consumer.reset();
    if (job->cancel_asked) {
      finish(*job, Outcome::cancelled(), out);
      continue;
    }
    jobs_.put_back(*job);
    tell_move(Effects::JobNews::What::put_back, *job, out);
    // If the store has heard nothing of the attempt, there is nothing to take back.
    if (job->is_start_recorded) record(*job, JobPutBack{job->spec, job->uses, true, job->attempts()}, out);
    enter_line(*job, out);
  }
  Consumer& from = consumer(session);
  from.credit = 0;  // else they would go there again at once
  changed(from);
  credit(session, jobs.credit, out);
}

void Engine::drain(SessionId session, Effects& out) {
  Consumer& from = consumer(session);
  from.draining = true;
  from.credit = 0;
  judge_health(from);
  changed(from);
  tell_kept(from, from.receipts.at_once(true), out);
  // Behind every ASSIGN that waits for its commit.
  out.drained.push_back({session, {}, batches_.due(batches_.newest())});
}

void Engine::progress(SessionId session, const message::ProgressReports& reports, Effects& out) {
  for (message::ProgressReport report : reports.jobs) {
    Job* job = assigned_job(session, {report.id, report.attempt});
    if (!job) continue;
    auto& progress = job->need_extras().progress;
    if (!progress) progress = std::make_unique<Progress>();
    mend_texts(report, out);
    append_at(*progress, report.offset, report.number, report.done, report.note, report.output);
    waiters_.tell(job->waiters, [&](SessionId waiter) { out.progressed.push_back({waiter, report}); });
  }
}

// ── how attempts end ────────────────────────────────────────────────────────────────────────────────────────────────

void Engine::end_attempt(Job& job, Outcome&& outcome, Effects& out) {
  if (outcome.state == JobState::succeeded) return finish(job, std::move(outcome), out);
  const bool is_failed = outcome.state == JobState::failed;
  if (is_failed && outcome.error.kind == ErrorKind::crash) {
    ++totals_.crashed;
    jobs_.counts().crashed(job.queue->name, job.queue->counts, job.spec->task);
  }
  if (outcome.state == JobState::cancelled && !job.cancel_asked) {
    ++totals_.put_back;
    Counts::lost(job.queue->counts);
  }
  if (job.is_suspect()) {  // it ended, and its consumer lives
    job.extras->suspected_since = 0;
    job.extras->suspected_until = {};
  }
  AttemptEnd end = end_of(outcome);
  if (end == AttemptEnd::cancelled) end = AttemptEnd::lost;  // nobody asked for it
  Ruling ruling = judge_.ended(running(job), std::move(outcome));
  if (is_failed && ruling.next != Ruling::Next::finish) job.need_extras().failed_on = job.session;
  follow(job, std::move(ruling), end, out);
}

// Its consumer is not there any more, or is and does not have it.
void Engine::lose(Job& job, End how, Blame blame, Effects& out) {
  leave_consumer(job);
  if (how == End::lost && job.spec->options.acks_early && !job.cancel_asked) return await_claim(job);
  if (!job.cancel_asked) {
    ++totals_.put_back;
    Counts::lost(job.queue->counts);
  }
  AttemptEnd end = AttemptEnd::lost_uncharged;
  if (how == End::said_bye) end = AttemptEnd::left;
  if (how == End::lost && blame == Blame::charged) end = AttemptEnd::lost;
  follow(job, judge_.lost(running(job), how, blame), end, out);
}

// Writes the attempt into the job's log, because it does not end the job.
void Engine::log_attempt(Job& job, AttemptEnd end, const Outcome* outcome) {
  JobExtras& extras = job.need_extras();
  const LastAttempt where{job.has_started ? job.started : last_.wall, std::move(job.consumer)};
  extras.attempts = with(extras.attempts, attempt_record(job.uses.attempt, end, where, last_.wall, outcome));
  job.consumer.reset();
}

void Engine::follow(Job& job, Ruling&& ruling, AttemptEnd end, Effects& out) {
  job.uses = ruling.uses;
  if (ruling.next == Ruling::Next::finish) return finish(job, std::move(*ruling.outcome), out);
  log_attempt(job, end, ruling.outcome ? &*ruling.outcome : nullptr);
  if (ruling.outcome) {
    shorten(ruling.outcome->error);
    job.outcome = std::make_shared<const Outcome>(std::move(*ruling.outcome));
  }
  // Its consumer may send this outcome again, and must not find the attempt open.
  if (ruling.frees_holder) job.holder.reset();
  if (ruling.next == Ruling::Next::requeue) return put_back(job, out);
  ++totals_.retried;
  if (options_.tells_moves) {
    out.job_news.push_back(
        {Effects::JobNews::What::rescheduled, job.spec, job.uses.attempt, {}, job.outcome, ruling.delay});
  }
  jobs_.reschedule(job, last_.wall + ruling.delay);
  record(job, JobRescheduled{job.spec, job.uses, job.due, job.outcome, job.attempts()}, out);
  enter_schedule(job);
}

// Its consumer has one job less.
void Engine::leave_consumer(Job& job) {
  if (!job.session) return;
  if (Session* session = peers_.find(*job.session); session != nullptr) changed(*session->consumer);
}

void Engine::put_back(Job& job, Effects& out) {
  tell_move(Effects::JobNews::What::put_back, job, out);
  jobs_.put_back(job);
  if (job.extras) job.extras->progress.reset();
  record(job, JobPutBack{job.spec, job.uses, !job.holder, job.attempts()}, out);
  enter_line(job, out);
}

std::optional<WallTime> Engine::forget_time(const JobOptions& options, const Outcome& outcome) const {
  const bool is_failed = outcome.state == JobState::failed;
  if (is_failed && options.transient && !options.result_ttl) return std::nullopt;  // as the others in memory
  WallTime time = last_.wall + options.result_ttl.value_or(is_failed ? options_.failed_ttl : options_.result_ttl);
  // As long as it has its key, others are answered with its outcome.
  if (outcome.state == JobState::succeeded && !options.unique.empty()) {
    time = std::max(time, last_.wall + options.unique_for);
  }
  return time;
}

void Engine::finish(Job& job, Outcome&& outcome, Effects& out) {
  ++totals_.of(outcome.state);
  jobs_.counts().finished(job.queue->name, job.queue->counts, job.spec->task, outcome.state);
  const JobOptions& options = job.spec->options;
  const std::optional<WallTime> forget_at = forget_time(options, outcome);
  auto shared = std::make_shared<const Outcome>(std::move(outcome));
  if (!options.transient) {
    const LastAttempt last = job.last_attempt();
    JobFinished finished{job.spec, job.uses, shared, last_.wall, forget_at, last, job.attempts(), job.holder};
    record(job, std::move(finished), out);
  }
  const bool keeps_key = shared->state == JobState::succeeded && options.unique_for.count() > 0;
  if (options.transient && !options.unique.empty() && !keeps_key) {
    transient_keys_.release(unique_name(*job.spec), job.spec->id);
  }
  if (options_.tells_moves || shared->state == JobState::failed) {
    out.job_news.push_back({Effects::JobNews::What::finished, job.spec, job.uses.attempt, job.consumer, shared});
  }
  jobs_.finish(job, std::move(shared), last_.wall);
  const bool is_as_others = !options.result_ttl && forget_at <= last_.wall + options_.result_ttl;
  if (options.transient && forget_at && !is_as_others) jobs_.set_deadline(job, *forget_at);
  waiters_.tell(job.waiters, [&](SessionId waiter) { tell_done(waiter, job, out); });
  job.waiters.clear();
}

}  // namespace zebu::broker
