#include "broker/engine/engine.h"
#include "broker/records/list_place.h"

#include <unordered_set>

// From SUBMIT to a place in line, and which client waits for what.
namespace zebu::broker {

void Engine::submit(SessionId session, const message::Submit& submit, Moment now, Effects& out) {
  last_ = now;
  out.accepted.reserve(submit.jobs.size());
  for (const message::Submission& job : submit.jobs) accept(session, job, submit.wait, now, out);
  for (const message::BadEntry& bad : submit.bad) {
    if (!bad.id) continue;
    refused({}, ErrorCode::bad_job);
    out.refused.push_back({session, {*bad.id, {ErrorCode::bad_job, bad.why, {}}}});
  }
}

void Engine::accept(SessionId session, const message::Submission& job, bool wait, Moment now, Effects& out) {
  if (Job* known = jobs_.find(job.id)) return accept_again(session, *known, wait, out);
  auto spec = std::make_shared<JobSpec>();
  spec->id = job.id;
  spec->task = job.task;
  spec->queue = job.queue;
  spec->args = job.args;
  spec->options = job.options;
  if (!job.kwargs.empty()) spec->kwargs = std::string(job.kwargs);
  const std::size_t to_write = spec->options.transient ? 0 : spec->size();
  accept(session, std::move(spec), to_write, wait, now, out);
}

void Engine::submit_held_back(SessionId session, std::shared_ptr<JobSpec> job, bool wait, Moment now, Effects& out) {
  last_ = now;
  if (Job* known = jobs_.find(job->id)) return accept_again(session, *known, wait, out);
  accept(session, std::move(job), 0, wait, now, out);  // take_room() was asked for all of it
}

// to_write: the bytes that the store needs for it, and does not have yet.
void Engine::accept(SessionId session, std::shared_ptr<JobSpec> spec, std::size_t to_write, bool wait, Moment now,
                    Effects& out) {
  const JobOptions& options = spec->options;
  spec->submitted = now.wall;
  spec->listed_at = listed_at(spec->id, now.wall + jobs_.clock_ahead());
  if (options.delay.count() > 0) spec->due = now.wall + options.delay;
  spec->is_due_by_wall = options.run_at && *options.run_at > now.wall + jobs_.clock_ahead();
  if (spec->is_due_by_wall) spec->due = options.run_at;
  spec->is_expiry_by_wall = options.expires_at.has_value() && !options.expires_in;
  spec->expires = options.expires_in ? std::optional(now.wall + *options.expires_in) : options.expires_at;
  auto why = why_refused(*spec, spec->size());
  if (!why && to_write > 0) why = take_room(to_write);
  if (why) {
    refused(spec->queue, why->code);
    out.refused.push_back({session, {spec->id, std::move(*why), spec->queue, spec->task}});
    return;
  }
  spec->sequence = jobs_.take_sequence();
  if (options_.tells_moves) out.job_news.push_back({Effects::JobNews::What::accepted, spec});
  options.transient ? take_in_transient(std::move(spec), session, wait, out)
                    : take_in(std::move(spec), session, wait, out);
}

// It is sent again after a broken connection.
void Engine::accept_again(SessionId session, Job& known, bool wait, Effects& out) {
  const JobId& id = known.spec->id;
  if (known.place == Place::fresh && !known.spec->options.unique.empty()) {
    waiters_.answer_when_settled(id, session);
  } else {
    out.accepted.push_back({session, id, true, batches_.due(known.batch)});
  }
  if (wait) add_waiter(known, session, out);
}

void Engine::take_in(SharedSpec spec, std::optional<SessionId> session, bool wait, Effects& out) {
  ++totals_.accepted;
  const bool has_key = !spec->options.unique.empty();
  Line& line = jobs_.line(*spec);
  ++line.queue().in.count;
  Counts::accepted(line.queue().counts);
  // The store has it at the time that it was submitted with, until that is durable and can be changed (settle).
  const bool is_at_its_time = !spec->due || jobs_.due_of(*spec) == *spec->due;
  const bool is_beyond = is_at_its_time && (spec->due ? jobs_.schedule_window().is_beyond({*spec->due, spec->sequence})
                                                      : line.window.is_beyond(line_key(*spec)));
  if (is_beyond && !has_key) return take_in_beyond(std::move(spec), line, session, wait, out);
  Job& job = jobs_.add(std::move(spec));
  claims_.skip_strays(job);
  JobTable::link(job, jobs_.fresh(), Place::fresh);
  record(job, JobAccepted{job.spec, false}, out);
  if (!session) return;
  if (wait) job.waiters.push_back(*session);
  if (has_key) {
    waiters_.answer_when_settled(job.spec->id, *session);
  } else if (wait) {
    job.submitter = session;
  } else {
    out.accepted.push_back({*session, job.spec->id, true, batches_.open()});
  }
}

// It stays in the store only, until the window comes to it.
void Engine::take_in_beyond(SharedSpec spec, Line& line, std::optional<SessionId> session, bool wait, Effects& out) {
  jobs_.count_in(*spec);
  if (spec->due) {
    backlog_.left_schedule({*spec->due, spec->sequence});
  } else {
    backlog_.left(line, line_key(*spec));
  }
  if (session) {
    if (wait) waiters_.add_absent(spec->id, *session);
    out.accepted.push_back({*session, spec->id, true, batches_.open()});
  }
  const bool in_line = !spec->due;
  write(JobAccepted{std::move(spec), in_line}, out);
}

void Engine::take_in_transient(SharedSpec spec, SessionId session, bool wait, Effects& out) {
  if (!spec->options.unique.empty() && attach_transient(*spec, session, wait, out)) return;
  ++totals_.accepted;
  Job& job = jobs_.add(std::move(spec));
  claims_.skip_strays(job);
  ++job.queue->in.count;
  Counts::accepted(job.queue->counts);
  // As tell_accepted().
  out.accepted.push_back({session, job.spec->id, !wait});
  if (wait) job.waiters.push_back(session);
  jobs_.link(job);
}

// True when a transient job has the key already. Otherwise this one has it now.
bool Engine::attach_transient(const JobSpec& spec, SessionId session, bool wait, Effects& out) {
  const std::string key = unique_name(spec);
  const std::optional<JobId> holder = transient_keys_.holder(key);
  Job* job = holder ? jobs_.find(*holder) : nullptr;
  if (job != nullptr) {
    const JobOptions& its = job->spec->options;
    const bool is_waiting = job->state == JobState::queued || job->state == JobState::scheduled;
    const bool is_held = its.unique_while == UniqueWhile::queued ? is_waiting : !is_final(job->state);
    const bool is_fresh_result = job->state == JobState::succeeded && job->finished + its.unique_for > last_.wall;
    if (is_held || is_fresh_result) {
      ++totals_.attached;
      out.attached.push_back({session, {spec.id, *holder}});
      if (wait) add_waiter(*job, session, out);
      return true;
    }
  }
  transient_keys_.take(key, spec.id);
  return false;
}

// ── settled ─────────────────────────────────────────────────────────────────────────────────────────────────────────

// A client that waits for a job waits for its DONE: ACCEPTED need not wake it up before.
void Engine::tell_accepted(Job& job, Effects& out) {
  const auto submitter = std::exchange(job.submitter, std::nullopt);
  if (submitter && waiters_.is_present(*submitter)) out.accepted.push_back({*submitter, job.spec->id, false});
}

// A fresh job is durable now, and no other one has its key.
void Engine::settle(Job& job, Effects& out) {
  retried(job.spec->id, true, out);
  tell_accepted(job, out);
  if (const auto asker = waiters_.take_asker(job.spec->id)) out.accepted.push_back({*asker, job.spec->id, true});
  if (job.cancel_asked) {
    job.cancel_asked = false;
    finish(job, Outcome::cancelled(), out);
    for (const SessionId asker : waiters_.take_cancellers(job.spec->id)) tell_ending(asker, job.spec->id, job, out);
    return;
  }
  if (job.state == JobState::scheduled) {
    if (job.due != *job.spec->due || job.due != jobs_.due_of(*job.spec)) follow_wall(job, out);
    enter_schedule(job);
  } else {
    enter_line(job, out);
  }
}

// The store had the id already, or has another job with the same key: what was taken in was not taken.
void Engine::resolve(const Duplicate& duplicate, Effects& out) {
  const JobSpec& spec = *duplicate.spec;
  const JobId id = spec.id;
  retried(id, false, out);
  jobs_.count_out(spec);
  --totals_.accepted;
  Counts::not_accepted(jobs_.queue(spec.queue).counts);
  WaiterList waiters;
  if (Job* job = jobs_.find(id); job != nullptr && job->place == Place::fresh && job->spec == duplicate.spec) {
    tell_accepted(*job, out);
    waiters = std::move(job->waiters);
    if (job->cancel_asked) backlog_.look_up(duplicate.of, CancelIt{std::nullopt, id}, out.reads);
    for (const SessionId asker : waiters_.take_cancellers(id)) {
      backlog_.look_up(duplicate.of, CancelIt{asker, id}, out.reads);
    }
    jobs_.drop(*job);
  } else {
    waiters = waiters_.job_came(id);
  }
  jobs_.release_if_idle(jobs_.queue(spec.queue));
  if (duplicate.of != id) ++totals_.attached;
  if (const auto asker = waiters_.take_asker(id)) {
    if (duplicate.of == id) {
      out.accepted.push_back({*asker, id, true});
    } else {
      out.attached.push_back({*asker, {id, duplicate.of}});
    }
  }
  for (const SessionId waiter : waiters) wait_for(waiter, duplicate.of, out);
}

// ── waiting ─────────────────────────────────────────────────────────────────────────────────────────────────────────

void Engine::add_waiter(Job& job, SessionId session, Effects& out) {
  is_final(job.state) ? tell_done(session, job, out) : waiters_.add(job.waiters, session);
}

void Engine::tell_done(SessionId session, const Job& job, Effects& out) const {
  out.done.push_back({session, {job.spec->id, job.uses.attempt, job.outcome}, batches_.due(job.batch)});
}

void Engine::wait_for(SessionId session, const JobId& id, Effects& out) {
  if (Job* job = jobs_.find(id)) {
    add_waiter(*job, session, out);
  } else {
    backlog_.look_up(id, WaitFor{session}, out.reads);
  }
}

void Engine::wait(SessionId session, const message::Wait& wait, Effects& out) {
  // An id that comes again would be answered again.
  std::unordered_set<JobId> told;
  for (const JobId& id : wait.ids) {
    if (wait.ids.size() == 1 || told.insert(id).second) wait_for(session, id, out);
  }
}

void Engine::leave(SessionId session, const message::Leave& leave) {
  for (const JobId& id : leave.ids) {
    if (Job* job = jobs_.find(id)) {
      Waiters::remove(job->waiters, session);
    } else {
      waiters_.remove_absent(id, session);
    }
  }
}

}  // namespace zebu::broker
