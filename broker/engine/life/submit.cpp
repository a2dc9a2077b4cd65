#include "broker/engine/engine.h"
#include "broker/engine/wording.h"

#include <algorithm>
#include <unordered_set>

// From SUBMIT to a place in line, and who waits for what.
namespace zebu::broker {

void Engine::submit(SessionId session, const message::Submit& submit, Moment now, Effects& out) {
  last_ = now;
  out.accepted.reserve(submit.jobs.size());
  for (const message::Submission& job : submit.jobs) accept(session, job, submit.wait, now, out);
}

void Engine::accept(SessionId session, const message::Submission& job, bool wait, Moment now, Effects& out) {
  if (Job* known = jobs_.find(job.id)) {  // sent again after a broken connection
    if (known->place == Place::fresh && !known->spec->options.unique.empty()) {
      answer_when_settled_[job.id] = session;
    } else {
      out.accepted.push_back({session, job.id, true, due_batch(*known)});
    }
    if (wait) add_waiter(*known, session, out);
    return;
  }
  const JobOptions& options = job.options;
  auto spec = std::make_shared<JobSpec>();
  spec->id = job.id;
  spec->task = job.task;
  spec->queue = job.queue;
  spec->args = job.args;
  spec->options = options;
  spec->submitted = now.wall;
  if (options.delay.count() > 0) spec->due = now.wall + options.delay;
  if (options.run_at && *options.run_at > now.wall) spec->due = options.run_at;
  spec->expires = options.expires_in ? std::optional(now.wall + *options.expires_in) : options.expires_at;
  if (auto why = why_refused(job, *spec)) {
    ++totals_.refused;
    out.refused.push_back({session, {job.id, std::move(*why)}});
    return;
  }
  spec->sequence = jobs_.take_sequence();
  options.transient ? take_in_transient(std::move(spec), session, wait, now, out)
                    : take_in(std::move(spec), session, wait, out);
}

void Engine::take_in(SharedSpec spec, SessionId session, bool wait, Effects& out) {
  ++totals_.accepted;
  const bool has_key = !spec->options.unique.empty();
  const LineKey key = Job::line_key_of(*spec);
  const bool is_beyond = spec->due ? jobs_.schedule_window.is_beyond({*spec->due, spec->sequence})
                                   : jobs_.queue(spec->queue).window.is_beyond(key);
  Queue& queue = jobs_.queue(spec->queue);
  ++queue.in.count;
  if (is_beyond && !has_key) {
    jobs_.count_in(*spec);
    spec->due ? jobs_.schedule_window.leave({*spec->due, spec->sequence}) : leave_line(queue, key);
    if (wait) absent_waiters_[spec->id].push_back(session);
    out.accepted.push_back({session, spec->id, true, open_});
    const bool in_line = !spec->due;
    write(JobAccepted{std::move(spec), in_line}, out);
    return;
  }
  Job& job = jobs_.add(std::move(spec));
  static_cast<void>(skip_stray(job));
  JobTable::link(job, jobs_.fresh(), Place::fresh);
  record(job, JobAccepted{job.spec, false}, out);
  if (wait) job.waiters.push_back(session);
  if (has_key) {
    answer_when_settled_[job.spec->id] = session;
  } else if (wait) {
    job.submitter = session;
  } else {
    out.accepted.push_back({session, job.spec->id, true, open_});
  }
}

void Engine::take_in_transient(SharedSpec spec, SessionId session, bool wait, Moment now, Effects& out) {
  if (!spec->options.unique.empty() && attach_transient(*spec, session, wait, now, out)) return;
  ++totals_.accepted;
  Job& job = jobs_.add(std::move(spec));
  static_cast<void>(skip_stray(job));
  ++job.queue->in.count;
  // As tell_accepted().
  out.accepted.push_back({session, job.spec->id, !wait});
  if (wait) job.waiters.push_back(session);
  jobs_.link(job);
}

// True when a transient job has the key already. Otherwise this one has it now.
bool Engine::attach_transient(const JobSpec& spec, SessionId session, bool wait, Moment now, Effects& out) {
  JobId& holder = unique_[spec.options.unique];
  Job* job = jobs_.find(holder);
  if (job != nullptr) {
    const JobOptions& its = job->spec->options;
    const bool is_waiting = job->state == JobState::queued || job->state == JobState::scheduled;
    const bool is_held = its.unique_while == UniqueWhile::queued ? is_waiting : !is_final(job->state);
    const bool is_fresh_result = job->state == JobState::succeeded && job->finished + its.unique_for > now.wall;
    if (is_held || is_fresh_result) {
      ++totals_.attached;
      out.attached.push_back({session, {spec.id, holder}});
      if (wait) add_waiter(*job, session, out);
      return true;
    }
  }
  holder = spec.id;
  return false;
}

// ── refusals ────────────────────────────────────────────────────────────────────────────────────────────────────────

std::optional<Error> Engine::why_refused(const message::Submission& job, const JobSpec& spec) const {
  const auto bad_name = [](std::string_view what, std::string_view name) {
    return Error{ErrorCode::bad_job,
                 std::string(what) + " " + in_quotes(name) +
                     " is no name: 1 to 128 bytes of UTF-8 without spaces or control characters",
                 {}};
  };
  if (!is_valid_name(job.task)) return bad_name("task", job.task);
  if (!is_valid_name(job.queue)) return bad_name("queue", job.queue);
  if (auto why = why_bad(job.options)) return Error{ErrorCode::bad_job, std::move(*why), {}};
  const auto found = jobs_.queues().find(job.queue);
  const Queue* queue = found == jobs_.queues().end() ? nullptr : found->second.get();
  const bool is_served = queue && !queue->consumers.empty();
  if (job.options.only_served && !is_served) {
    return Error{
        ErrorCode::no_consumer,
        "no consumer serves queue " + in_quotes(job.queue) + ": start one with --queues " + std::string(job.queue),
        std::chrono::seconds(1)};
  }
  if (is_served && queue->tasks.find(job.task) == queue->tasks.end()) {
    return Error{ErrorCode::unknown_task,
                 "no consumer of queue " + in_quotes(job.queue) + " knows task " + in_quotes(job.task) +
                     "; they know: " + list_of(queue->tasks),
                 {}};
  }
  if (!queue && jobs_.queues().size() >= options_.max_queues) {
    return Error{
        ErrorCode::too_many_queues,
        "the broker has " + std::to_string(options_.max_queues) + " queues: use one of them, or raise --max-queues",
        std::chrono::seconds(1)};
  }
  return why_full(queue, spec);
}

std::optional<Error> Engine::why_full(const Queue* queue, const JobSpec& spec) const {
  const bool transient = spec.options.transient;
  const auto full = [&](std::uint64_t has, const char* unit, const char* option) {
    return Error{ErrorCode::queue_full,
                 "queue " + in_quotes(spec.queue) + " is full (" + std::to_string(has) +
                     (transient ? " transient" : "") + unit + "): retry after 1 s, or raise " + option,
                 std::chrono::seconds(1)};
  };
  const std::uint64_t waiting = queue ? queue->queued + queue->scheduled : 0;
  const std::uint64_t jobs = !queue ? 0 : transient ? queue->transient : waiting - queue->transient;
  const std::uint64_t bytes = !queue ? 0 : transient ? queue->transient_bytes : queue->bytes;
  if (jobs >= (transient ? options_.transient_limit : options_.queue_limit)) {
    return full(jobs, " jobs", transient ? "--transient-limit" : "--queue-limit");
  }
  if (bytes + spec.size() > (transient ? options_.transient_bytes : options_.queue_bytes)) {
    return full(bytes, " bytes", transient ? "--transient-bytes" : "--queue-bytes");
  }
  return std::nullopt;
}

// ── settled ─────────────────────────────────────────────────────────────────────────────────────────────────────────

// Who waits for a job waits for its DONE: ACCEPTED need not wake anybody up before.
void Engine::tell_accepted(Job& job, Effects& out) {
  const SessionId submitter = std::exchange(job.submitter, 0);
  if (submitter != 0 && sessions_.count(submitter) != 0) out.accepted.push_back({submitter, job.spec->id, false});
}

// A fresh job is durable now, and nobody else has its key.
void Engine::settle(Job& job, Effects& out) {
  retried(job.spec->id, true, out);
  tell_accepted(job, out);
  if (const auto asker = answer_when_settled_.find(job.spec->id); asker != answer_when_settled_.end()) {
    out.accepted.push_back({asker->second, job.spec->id, true});
    answer_when_settled_.erase(asker);
  }
  if (job.cancel_asked) {
    job.cancel_asked = false;
    return finish(job, Outcome{}, last_, out);
  }
  if (job.state == JobState::scheduled) {
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
  boost::container::small_vector<SessionId, 1> waiters;
  if (Job* job = jobs_.find(id); job != nullptr && job->place == Place::fresh && job->spec == duplicate.spec) {
    tell_accepted(*job, out);
    waiters = std::move(job->waiters);
    if (job->cancel_asked) ask_for(duplicate.of, CancelIt{}, out);
    jobs_.drop(*job);
  } else {
    if (spec.due) {
      --jobs_.schedule_window.stored;
    } else {
      --jobs_.queue(spec.queue).window.stored;
    }
    const auto absent = absent_waiters_.find(id);
    if (absent != absent_waiters_.end()) {
      waiters = std::move(absent->second);
      absent_waiters_.erase(absent);
    }
  }
  jobs_.release_if_idle(jobs_.queue(spec.queue));
  if (duplicate.of != id) ++totals_.attached;
  if (const auto asker = answer_when_settled_.find(id); asker != answer_when_settled_.end()) {
    if (duplicate.of == id) {
      out.accepted.push_back({asker->second, id, true});
    } else {
      out.attached.push_back({asker->second, {id, duplicate.of}});
    }
    answer_when_settled_.erase(asker);
  }
  for (const SessionId waiter : waiters) wait_for(waiter, duplicate.of, out);
}

// ── waiting ─────────────────────────────────────────────────────────────────────────────────────────────────────────

void Engine::add_waiter(Job& job, SessionId session, Effects& out) {
  if (is_final(job.state)) {
    tell_done(session, job, out);
  } else if (std::find(job.waiters.begin(), job.waiters.end(), session) == job.waiters.end()) {
    // Sessions that are gone make room here, so the list does not grow with reconnections.
    const auto is_gone = [&](SessionId waiter) { return sessions_.count(waiter) == 0; };
    job.waiters.erase(std::remove_if(job.waiters.begin(), job.waiters.end(), is_gone), job.waiters.end());
    job.waiters.push_back(session);
  }
}

void Engine::tell_done(SessionId session, const Job& job, Effects& out) const {
  out.done.push_back({session, {job.spec->id, job.uses.attempt, job.outcome}, due_batch(job)});
}

void Engine::wait_for(SessionId session, const JobId& id, Effects& out) {
  if (Job* job = jobs_.find(id)) {
    add_waiter(*job, session, out);
  } else {
    ask_for(id, WaitFor{session}, out);
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
  const auto remove = [&](auto& waiters) {
    waiters.erase(std::remove(waiters.begin(), waiters.end(), session), waiters.end());
  };
  for (const JobId& id : leave.ids) {
    if (Job* job = jobs_.find(id)) {
      remove(job->waiters);
    } else if (const auto absent = absent_waiters_.find(id); absent != absent_waiters_.end()) {
      remove(absent->second);
      if (absent->second.empty()) absent_waiters_.erase(absent);
    }
  }
}

}  // namespace zebu::broker
