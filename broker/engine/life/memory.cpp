#include "broker/engine/engine.h"

// Jobs that leave memory and come back: what a window's answer means for the job, for its waiters and for those who
// asked.
namespace zebu::broker {
namespace {

// Jobs of a line that leave memory at once when its window has become smaller.
constexpr int kEvictAtOnce = 1000;

}  // namespace

// A queued job that is linked nowhere finds its place.
void Engine::enter_line(Job& job, Effects& out) {
  Line& line = jobs_.line(job);
  if (!job.is_transient() && line.window.is_beyond(line_key(*job.spec))) return evict(job, out);
  jobs_.link(job);
  if (!job.is_transient()) shrink(line, out);
}

// The store has every scheduled job in its schedule: one that leaves memory needs no record.
void Engine::enter_schedule(Job& job) {
  if (!job.is_transient() && jobs_.schedule_window().is_beyond(job.schedule_key())) {
    backlog_.left_schedule(job.schedule_key());
    return leave_memory(job);
  }
  jobs_.link(job);
  while (Job* last = backlog_.surplus_of_schedule()) {
    backlog_.left_schedule(last->schedule_key());
    leave_memory(*last);
  }
}

void Engine::shrink(Line& line, Effects& out) {
  for (int evicted = 0; evicted < kEvictAtOnce; ++evicted) {
    Job* last = backlog_.surplus(line);
    if (last == nullptr) return;
    evict(*last, out);
  }
}

void Engine::evict(Job& job, Effects& out) {
  backlog_.left(jobs_.line(*job.spec), line_key(*job.spec));
  record(job, JobEvicted{job.spec}, out);
  leave_memory(job);
}

void Engine::leave_memory(Job& job) {
  backlog_.job_left(job);
  waiters_.job_left(job.spec->id, std::move(job.waiters));
  jobs_.drop(job);
}

// A waiting job that was in the store only is in memory, linked nowhere.
Job& Engine::bring_in(const StoredJob& stored) {
  Job& job = jobs_.add_stored(stored);
  job.waiters = waiters_.job_came(stored.spec->id);
  return job;
}

// ── loaded ──────────────────────────────────────────────────────────────────────────────────────────────────────────

void Engine::answered(const ReadAnswer& answer, Moment now, Effects& out) {
  last_ = now;
  if (const auto* queued = std::get_if<QueuedLoaded>(&answer)) return loaded(*queued, out);
  if (const auto* scheduled = std::get_if<ScheduledLoaded>(&answer)) return loaded(*scheduled, out);
  if (const auto* expired = std::get_if<ExpiredLoaded>(&answer)) return loaded(*expired, out);
  if (const auto* dropped = std::get_if<Forgotten>(&answer)) return forgotten(*dropped, out);
  if (const auto* dropped = std::get_if<FailedForgotten>(&answer)) return forgotten(*dropped, out);
  if (const auto* answers = std::get_if<Found>(&answer)) return found(*answers, out);
}

void Engine::loaded(const QueuedLoaded& loaded, Effects& out) {
  Line* line = backlog_.loaded(loaded);
  if (line == nullptr) return;
  Queue& queue = line->queue();
  for (const StoredJob& stored : loaded.jobs) page_in(stored, out);
  shrink(*line, out);
  if (queue.settings.purge_up_to) is_purging_ = true;
  jobs_.release_if_idle(queue);
}

void Engine::loaded(const ScheduledLoaded& loaded, Effects& out) {
  if (loaded.asked.to_purge) return swept(loaded, out);
  backlog_.loaded(loaded);
  for (const StoredJob& stored : loaded.jobs) page_in(stored, out);
}

void Engine::page_in(const StoredJob& stored, Effects& out) {
  if (const Job* known = jobs_.find(stored.spec->id)) {
    if (known->place == Place::fresh) backlog_.load_again(stored);
    return;  // else it was in memory all the time
  }
  if (backlog_.has_just_left(stored.spec->id)) return;  // it is somewhere else by now, and will come from there
  Job& job = bring_in(stored);
  if (job.state == JobState::scheduled && job.queue->settings.purges(*stored.spec)) {
    return finish(job, Outcome::cancelled(), out);
  }
  if (job.state == JobState::scheduled && follows_wall(job) && job.due != jobs_.due_of(*job.spec)) {
    follow_wall(job, out);
    return enter_schedule(job);
  }
  jobs_.link(job);
}

// Where the wall clock was set, some of them have not expired. Those are stepped over, a page each second.
void Engine::loaded(const ExpiredLoaded& loaded, Effects& out) {
  is_checking_expiry_ = false;
  std::size_t expired = 0;
  for (const StoredJob& stored : loaded.jobs) {
    if (jobs_.expiry_of(*stored.spec) > last_.wall) continue;
    ++expired;
    if (jobs_.find(stored.spec->id) != nullptr) continue;  // its own deadline does it
    if (backlog_.has_just_left(stored.spec->id)) continue;
    finish(bring_in(stored), Outcome::expired(), out);
  }
  const bool has_more = loaded.jobs.size() == loaded.asked.limit;
  expired_from_ = {};
  if (has_more && expired < loaded.jobs.size()) {
    const JobSpec& last = *loaded.jobs.back().spec;
    expired_from_ = {*last.expires, last.sequence + 1};
  }
  if (has_more && expired > 0) look_for_expired(out);
}

void Engine::drop_forgotten(const std::vector<Dropped>& jobs, Why why) {
  for (const Dropped& dropped : jobs) {
    if (!failed_jobs_.dropped(dropped.id)) continue;  // that was said meanwhile
    jobs_.uncount(dropped.state, 1);
    if (Job* cached = jobs_.find(dropped.id); cached != nullptr && is_final(cached->state)) jobs_.forget(*cached);
    if (dropped.state != JobState::failed) continue;
    ++totals_.forgotten_failed;
    Effects::ForgottenFailed& report = forgotten_failed_[dropped.queue];
    ++(why == Why::too_old ? report.too_old : report.too_many);
    Queue* queue = jobs_.find_queue(dropped.queue);
    if (queue == nullptr) continue;
    --queue->failed;
    jobs_.release_if_idle(*queue);
  }
}

void Engine::forgotten(const FailedForgotten& forgotten, Effects& out) {
  is_forgetting_failed_ = false;
  drop_forgotten(forgotten.jobs, Why::too_many);
  if (forgotten.jobs.size() >= forgotten.asked.limit) forget_oldest_failed(out);
}

// ── looked up ───────────────────────────────────────────────────────────────────────────────────────────────────────

void Engine::found(const Found& answer, Effects& out) {
  const auto& ids = answer.asked.ids;
  for (std::size_t i = 0; i < answer.jobs.size(); ++i) found(ids[i], answer.jobs[i], out);
  if (answer.jobs.size() < ids.size()) {
    out.reads.emplace_back(Find{{ids.begin() + static_cast<std::ptrdiff_t>(answer.jobs.size()), ids.end()}});
  }
}

void Engine::found(const JobId& id, const std::optional<StoredJob>& stored, Effects& out) {
  const bool is_outdated = jobs_.find(id) == nullptr && backlog_.has_just_left(id);
  for (Lookup& lookup : backlog_.take_lookups(id)) {
    if (is_outdated) {
      backlog_.look_up(id, std::move(lookup), out.reads);
    } else {
      std::visit([&](const auto& wanted) { fulfil(wanted, id, stored, out); }, lookup);
    }
  }
}

void Engine::fulfil(const WaitFor& wait, const JobId& id, const std::optional<StoredJob>& stored, Effects& out) {
  if (!waiters_.is_present(wait.session)) return;
  // It may have come into memory meanwhile; and a client that waits for a finished one is told from there.
  Job* job = jobs_.find(id);
  if (!job && stored && is_final(stored->state)) job = &jobs_.add_finished(*stored);
  if (job) return add_waiter(*job, wait.session, out);
  const bool is_waiting = stored && !is_final(stored->state);
  if (!is_waiting) return out.unknown.push_back({wait.session, id});
  waiters_.add_absent(id, wait.session);
}

void Engine::fulfil(const Claim& claim, const JobId& id, const std::optional<StoredJob>& stored, Effects& out) {
  claims_.answered();
  Session* session = peers_.find(claim.session);
  if (session == nullptr) return;
  --session->open_claims;
  Job* job = jobs_.find(id);
  if (!job && stored && !is_final(stored->state)) job = &bring_in(*stored);
  if (job && job->place == Place::fresh) {
    this->claim(*session, claim.run, out);  // what the store has said is outdated
  } else if (job) {
    this->claim(*session, claim.run, *job, out);
    if (job->place == Place::none) job->state == JobState::scheduled ? enter_schedule(*job) : enter_line(*job, out);
  } else {
    refuse(claim, out);
  }
  welcome(*session, out);
}

void Engine::fulfil(const CancelIt& cancel, const JobId& id, const std::optional<StoredJob>& stored, Effects& out) {
  Job* job = jobs_.find(id);
  if (!job && stored && !is_final(stored->state)) job = &bring_in(*stored);
  if (job) return cancel_one(*job, cancel, out);
  if (stored) return tell_ending(cancel.from, {cancel.asked, stored->state}, std::nullopt, out);
  if (cancel.from && waiters_.is_present(*cancel.from)) out.unknown.push_back({*cancel.from, cancel.asked});
}

}  // namespace zebu::broker
