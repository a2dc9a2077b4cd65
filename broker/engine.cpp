#include "engine.h"

#include <algorithm>

namespace zebu::broker {
namespace {

SharedOutcome share(Outcome outcome) { return std::make_shared<const Outcome>(std::move(outcome)); }

// A name for a message to people; of one that is none, what cannot be shown becomes '?'.
std::string quoted(std::string_view name) {
  std::string text(name.substr(0, kMaxName));
  if (!is_valid_name(name)) {
    std::replace_if(
        text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c >= 0x7f; }, '?');
  }
  return "'" + text + "'";
}

std::string list_of(const std::map<std::string, int, std::less<>>& tasks) {
  constexpr std::size_t kShown = 20;
  std::string text;
  std::size_t shown = 0;
  for (const auto& [name, count] : tasks) {
    if (shown++ == kShown) return text + ", …";
    text += (text.empty() ? "" : ", ") + name;
  }
  return text;
}

}  // namespace

Engine::~Engine() {
  for (auto& [id, session] : sessions_) {
    if (session.consumer) session.consumer->running.clear();
  }
}

void Engine::restore(const StoredJob& job) {
  if (is_final(job.state)) {
    jobs_.add_finished(job.spec, job.attempt, job.outcome, job.finished);
    return;
  }
  Job& restored = jobs_.add_queued(job.spec);
  restored.attempt = job.attempt;
  restored.holder = job.holder;
}

// ── sessions ────────────────────────────────────────────────────────────────────────────────────────────────────────

void Engine::hello(SessionId id, const message::Hello& hello, Moment now, Effects& out) {
  const auto older = instances_.find(hello.instance);
  const SessionId old = older == instances_.end() ? 0 : older->second;
  if (old == 0 && sessions_.size() >= options_.max_peers) {
    out.errors.push_back(
        {id,
         {ErrorCode::too_many_peers,
          "the broker has " + std::to_string(options_.max_peers) + " peers: close some, or raise --max-peers",
          {}}});
    out.ended.push_back(id);
    return;
  }
  Session& session = sessions_[id];
  session.id = id;
  session.role = hello.role;
  session.name = hello.name;
  session.instance = hello.instance;
  session.last_heard = now.steady;
  instances_[hello.instance] = id;
  if (!next_beat_) next_beat_ = now.steady + options_.beat();
  if (hello.role == message::Role::consumer) {
    add_consumer(session, hello, out);
    for (const AttemptId& run : hello.consumer.runs) claim(session, run, out);
  }
  // After the claims: what the older session held and this one did not name is lost on the way, and goes back.
  if (old != 0) end_session(old, out);
  out.welcomed.push_back(id);
}

void Engine::add_consumer(Session& session, const message::Hello& hello, Effects& out) {
  session.consumer = std::make_unique<Consumer>();
  Consumer& consumer = *session.consumer;
  consumer.session = session.id;
  consumer.slots = hello.consumer.slots;
  consumer.pool = hello.consumer.pool;
  consumer.tasks.assign(hello.consumer.tasks.begin(), hello.consumer.tasks.end());
  std::sort(consumer.tasks.begin(), consumer.tasks.end());
  consumer.tasks.erase(std::unique(consumer.tasks.begin(), consumer.tasks.end()), consumer.tasks.end());
  for (const std::string_view name : hello.consumer.queues) {
    if (!jobs_.find_queue(name) && jobs_.queues().size() >= options_.max_queues) {
      out.errors.push_back({session.id,
                            {ErrorCode::too_many_queues,
                             "queue " + quoted(name) + " is not served: the broker has " +
                                 std::to_string(options_.max_queues) + " queues; raise --max-queues",
                             {}}});
      continue;
    }
    Queue& queue = jobs_.queue(name);
    if (std::find(consumer.queues.begin(), consumer.queues.end(), &queue) != consumer.queues.end()) continue;
    consumer.queues.push_back(&queue);
    queue.consumers.push_back(&consumer);
    for (const std::string& task : consumer.tasks) ++queue.tasks[task];
  }
  consumers_.push_back(&consumer);
}

// A consumer came back and says that it holds this attempt. It does when the job was not given to anybody else since.
void Engine::claim(Session& session, const AttemptId& run, Effects& out) {
  Job* job = jobs_.find(run.job);
  const bool is_its = job && !is_final(job->state) && job->holder == session.instance && job->attempt == run.attempt;
  if (!is_its) {
    out.stopped.push_back({session.id, run});
    return;
  }
  if (job->state == JobState::running) {
    if (job->session == session.id) return;  // named twice
    put_back(*job, consumer(job->session), job->attempt, out);
  }
  job->session = session.id;
  jobs_.start(*job, session.consumer->running);
  if (!job->spec->options.transient) out.records.push_back(AttemptStarted{run.job, run.attempt, session.instance});
  if (job->cancel_asked) out.stopped.push_back({session.id, run});
}

void Engine::remove_consumer(Consumer& gone) {
  std::erase(consumers_, &gone);
  for (Queue* queue : gone.queues) {
    std::erase(queue->consumers, &gone);
    for (const std::string& task : gone.tasks) {
      const auto found = queue->tasks.find(task);
      if (--found->second == 0) queue->tasks.erase(found);
    }
    jobs_.release_if_idle(*queue);
  }
}

void Engine::end_session(SessionId id, Effects& out) {
  const auto found = sessions_.find(id);
  if (found == sessions_.end()) return;
  Session& session = found->second;
  if (session.consumer) {
    Consumer& consumer = *session.consumer;
    std::vector<Job*> held;
    for (Job& job : consumer.running) held.push_back(&job);
    // Newest first: each one's place is then at the very front of its queue.
    std::sort(held.begin(), held.end(), [](Job* a, Job* b) { return a->spec->sequence > b->spec->sequence; });
    for (Job* job : held) {
      if (job->cancel_asked) {
        finish_cancelled(*job, last_, out);
      } else {
        put_back(*job, consumer, job->attempt, out);
        ++totals_.put_back;
      }
    }
    remove_consumer(consumer);
  }
  const auto instance = instances_.find(session.instance);
  if (instance != instances_.end() && instance->second == id) instances_.erase(instance);
  sessions_.erase(found);
  out.ended.push_back(id);
}

void Engine::heard(SessionId session, Moment now) {
  last_ = now;
  const auto found = sessions_.find(session);
  if (found != sessions_.end()) found->second.last_heard = now.steady;
}

void Engine::bye(SessionId session, Effects& out) { end_session(session, out); }

void Engine::gone(SessionId session, Effects& out) {
  if (sessions_.count(session) > 0) ++totals_.lost_sessions;
  end_session(session, out);
}

std::string_view Engine::name_of(SessionId session) const {
  const auto found = sessions_.find(session);
  return found == sessions_.end() ? std::string_view() : std::string_view(found->second.name);
}

// ── from clients ────────────────────────────────────────────────────────────────────────────────────────────────────

void Engine::submit(SessionId session, const message::Submit& submit, Moment now, Effects& out) {
  out.accepted.reserve(submit.jobs.size());
  for (const message::Submission& job : submit.jobs) accept(session, job, submit.wait, now, out);
}

void Engine::accept(SessionId session, const message::Submission& job, bool wait, Moment now, Effects& out) {
  if (Job* known = jobs_.find(job.id)) {  // sent again after a broken connection
    out.accepted.push_back({session, job.id, true});
    if (wait) add_waiter(*known, session, out);
    return;
  }
  auto spec = std::make_shared<JobSpec>(JobSpec{job.id, jobs_.next_sequence(), std::string(job.task),
                                                std::string(job.queue), std::string(job.args), job.options, now.wall});
  if (auto why = why_refused(job, spec->size())) {
    ++totals_.refused;
    out.refused.push_back({session, {job.id, std::move(*why)}});
    return;
  }
  ++totals_.accepted;
  Job& added = jobs_.add_queued(std::move(spec));
  if (!job.options.transient) out.records.push_back(JobAccepted{added.spec});
  // Who waits for a transient job waits for its DONE: ACCEPTED need not wake anybody up before.
  out.accepted.push_back({session, job.id, !(wait && job.options.transient)});
  if (wait) added.waiters.push_back(session);
}

std::optional<Error> Engine::why_refused(const message::Submission& job, std::size_t size) {
  const auto bad_name = [](std::string_view what, std::string_view name) {
    return Error{ErrorCode::bad_job,
                 std::string(what) + " " + quoted(name) +
                     " is no name: 1 to 128 bytes of UTF-8 without spaces or control characters",
                 {}};
  };
  if (!is_valid_name(job.task)) return bad_name("task", job.task);
  if (!is_valid_name(job.queue)) return bad_name("queue", job.queue);
  const Queue* queue = jobs_.find_queue(job.queue);
  const bool is_served = queue && !queue->consumers.empty();
  if (job.options.only_served && !is_served) {
    return Error{
        ErrorCode::no_consumer,
        "no consumer serves queue " + quoted(job.queue) + ": start one with --queues " + std::string(job.queue),
        std::chrono::seconds(1)};
  }
  if (is_served && queue->tasks.find(job.task) == queue->tasks.end()) {
    return Error{ErrorCode::unknown_task,
                 "no consumer of queue " + quoted(job.queue) + " knows task " + quoted(job.task) +
                     "; they know: " + list_of(queue->tasks),
                 {}};
  }
  if (!queue && jobs_.queues().size() >= options_.max_queues) {
    return Error{
        ErrorCode::too_many_queues,
        "the broker has " + std::to_string(options_.max_queues) + " queues: use one of them, or raise --max-queues",
        std::chrono::seconds(1)};
  }
  if (queue && queue->jobs.size() >= options_.queue_limit) {
    return Error{ErrorCode::queue_full,
                 "queue " + quoted(job.queue) + " is full (" + std::to_string(queue->jobs.size()) +
                     " jobs): retry after 1 s, or raise --queue-limit",
                 std::chrono::seconds(1)};
  }
  if ((queue ? queue->bytes : 0) + size > options_.queue_bytes) {
    return Error{ErrorCode::queue_full,
                 "queue " + quoted(job.queue) + " is full (" + std::to_string(queue ? queue->bytes : 0) +
                     " bytes): retry after 1 s, or raise --queue-bytes",
                 std::chrono::seconds(1)};
  }
  return std::nullopt;
}

void Engine::add_waiter(Job& job, SessionId session, Effects& out) {
  if (is_final(job.state)) {
    out.done.push_back({session, &job});
  } else if (std::find(job.waiters.begin(), job.waiters.end(), session) == job.waiters.end()) {
    // Sessions that are gone make room here, so the list does not grow with reconnections.
    const auto is_gone = [&](SessionId waiter) { return sessions_.count(waiter) == 0; };
    job.waiters.erase(std::remove_if(job.waiters.begin(), job.waiters.end(), is_gone), job.waiters.end());
    job.waiters.push_back(session);
  }
}

void Engine::wait(SessionId session, const message::Wait& wait, Effects& out) {
  for (const JobId& id : wait.ids) {
    if (Job* job = jobs_.find(id)) {
      add_waiter(*job, session, out);
    } else {
      out.unknown.push_back({session, id});
    }
  }
}

void Engine::leave(SessionId session, const message::Leave& leave) {
  for (const JobId& id : leave.ids) {
    if (Job* job = jobs_.find(id)) {
      job->waiters.erase(std::remove(job->waiters.begin(), job->waiters.end(), session), job->waiters.end());
    }
  }
}

void Engine::cancel(const message::Cancel& cancel, Moment now, Effects& out) {
  for (const JobId& id : cancel.ids) {
    Job* job = jobs_.find(id);
    if (!job || is_final(job->state) || job->cancel_asked) continue;
    if (job->state == JobState::running) {
      job->cancel_asked = true;
      out.stopped.push_back({job->session, {id, job->attempt}});
    } else {
      finish_cancelled(*job, now, out);
    }
  }
}

// ── from consumers ──────────────────────────────────────────────────────────────────────────────────────────────────

void Engine::credit(SessionId session, std::uint32_t credit, Effects& out) {
  Consumer& from = consumer(session);
  if (from.draining) return;
  if (from.credit + credit > message::kMaxCredit) {
    out.errors.push_back({session, {ErrorCode::bad_message, "credit above 65535", {}}});
    end_session(session, out);
    return;
  }
  from.credit += credit;
}

Job* Engine::assigned_job(SessionId session, const AttemptId& attempt) {
  Job* job = jobs_.find(attempt.job);
  const bool is_its =
      job && job->state == JobState::running && job->session == session && job->attempt == attempt.attempt;
  return is_its ? job : nullptr;
}

void Engine::outcome(SessionId session, const message::OutcomeReport& report, Moment now, Effects& out) {
  for (const message::Report& attempt : report.jobs) {
    Job* job = assigned_job(session, {attempt.id, attempt.attempt});
    if (!job || attempt.state == JobState::expired) {
      ++totals_.stale_outcomes;
      continue;
    }
    finish(*job, share(message::outcome_of(attempt)), now, out);
  }
  Consumer& from = consumer(session);
  from.outcomes += report.jobs.size();
  from.unconfirmed += report.jobs.size();
  for (const message::Report& attempt : report.jobs) from.unconfirmed_bytes += attempt.result.size();
  if (!report.jobs.empty()) confirm(from, out);
  credit(session, report.credit, out);
}

// Nobody waits for KEPT but a consumer that wants to leave. So it need not wake one up for each job: it goes along with
// the next assignment or beat, unless the consumer would have to keep much until then.
void Engine::confirm(Consumer& consumer, Effects& out) {
  constexpr std::size_t kMany = 256;
  constexpr std::size_t kMuch = 64U << 10;
  const bool at_once = consumer.draining || consumer.unconfirmed >= kMany || consumer.unconfirmed_bytes >= kMuch;
  if (at_once) consumer.unconfirmed = consumer.unconfirmed_bytes = 0;
  out.kept.push_back({consumer.session, consumer.outcomes, at_once});
}

void Engine::give_back(SessionId session, const message::Return& jobs, Moment now, Effects& out) {
  for (const AttemptId& attempt : jobs.jobs) {
    Job* job = assigned_job(session, attempt);
    if (!job) continue;
    if (job->cancel_asked) {
      finish_cancelled(*job, now, out);
      continue;
    }
    put_back(*job, consumer(session), attempt.attempt - 1, out);
    ++totals_.returned;
  }
  credit(session, jobs.credit, out);
}

void Engine::drain(SessionId session, Effects& out) {
  Consumer& from = consumer(session);
  from.draining = true;
  from.credit = 0;
  confirm(from, out);
}

// ── jobs ────────────────────────────────────────────────────────────────────────────────────────────────────────────

void Engine::put_back(Job& job, Consumer& from, std::uint32_t attempt, Effects& out) {
  jobs_.put_back(job, from.running);
  job.attempt = attempt;
  if (!job.spec->options.transient) out.records.push_back(JobPutBack{job.spec->id, attempt});
}

void Engine::finish(Job& job, SharedOutcome outcome, Moment now, Effects& out) {
  switch (outcome->state) {
    case JobState::succeeded:
      ++totals_.succeeded;
      break;
    case JobState::failed:
      ++totals_.failed;
      break;
    default:
      ++totals_.cancelled;
  }
  if (!job.spec->options.transient) out.records.push_back(JobFinished{job.spec->id, outcome, now.wall});
  JobList* list = job.state == JobState::running ? &consumer(job.session).running : nullptr;
  jobs_.finish(job, list, std::move(outcome), now.wall);
  for (const SessionId waiter : job.waiters) {
    if (sessions_.count(waiter) > 0) out.done.push_back({waiter, &job});
  }
  job.waiters.clear();
}

void Engine::finish_cancelled(Job& job, Moment now, Effects& out) { finish(job, share(Outcome{}), now, out); }

// ── once a round ────────────────────────────────────────────────────────────────────────────────────────────────────

void Engine::tick(Moment now, Effects& out) {
  last_ = now;
  jobs_.trim_finished(options_.keep, options_.keep_bytes);
  if (next_beat_ && now.steady >= *next_beat_) check_liveness(now, out);
  assign(now, out);
}

std::optional<TimePoint> Engine::next_deadline() const { return next_beat_; }

void Engine::check_liveness(Moment now, Effects& out) {
  std::vector<SessionId> silent;
  for (const auto& [id, session] : sessions_) {
    if (now.steady - session.last_heard > options_.liveness) {
      silent.push_back(id);
    } else {
      out.beats.push_back(id);
    }
  }
  for (const SessionId id : silent) gone(id, out);
  next_beat_.reset();
  if (!sessions_.empty()) next_beat_ = now.steady + options_.beat();
}

// Oldest job first, consumers in turn: first to slots that are free, then to what consumers take in advance.
void Engine::assign(Moment now, Effects& out) {
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

bool Engine::assign_one(Consumer& consumer, Moment now, Effects& out) {
  Job* oldest = nullptr;
  for (Queue* queue : consumer.queues) {
    if (queue->jobs.empty()) continue;
    Job& first = queue->jobs.front();
    if (!oldest || first.spec->sequence < oldest->spec->sequence) oldest = &first;
  }
  if (!oldest) return false;
  Job& job = *oldest;
  const Session& session = sessions_.at(consumer.session);
  --consumer.credit;
  ++totals_.assigned;
  ++job.attempt;
  job.session = consumer.session;
  job.holder = session.instance;
  job.started = now.wall;
  jobs_.start(job, consumer.running);
  if (!job.spec->options.transient) out.records.push_back(AttemptStarted{job.spec->id, job.attempt, job.holder});
  out.assigned.push_back({consumer.session, &job});
  return true;
}

}  // namespace zebu::broker
