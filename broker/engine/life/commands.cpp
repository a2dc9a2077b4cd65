#include "broker/engine/engine.h"

#include <algorithm>

// What people tell the broker: cancel, pause, resume, purge, drain, retry.
namespace zebu::broker {

void Engine::cancel(const message::Cancel& cancel, Moment now, Effects& out) {
  last_ = now;
  for (const JobId& id : cancel.ids) {
    if (Job* job = jobs_.find(id)) {
      cancel_one(*job, now, out);
    } else {
      ask_for(id, CancelIt{}, out);
    }
  }
}

void Engine::cancel_one(Job& job, Moment now, Effects& out) {
  if (is_final(job.state) || job.cancel_asked) return;
  if (job.place == Place::fresh) {
    job.cancel_asked = true;  // once it is settled
  } else if (job.state == JobState::running) {
    job.cancel_asked = true;
    record_start(job, out);  // a broker after this one has to know why it was stopped
    stop(job.session, {job.spec->id, job.uses.attempt}, due_batch(job), out);
  } else {
    finish(job, Outcome{}, now, out);
  }
}

void Engine::pause(std::string_view name, std::string_view reason, Effects& out) {
  Queue& queue = jobs_.queue(name);
  queue.settings.is_paused = true;
  queue.settings.reason = reason;
  write(QueueChanged{queue.settings}, out);
}

bool Engine::resume(std::string_view name, Effects& out) {
  Queue* queue = jobs_.find_queue(name);
  if (!queue || !queue->settings.is_paused) return false;
  queue->settings.is_paused = false;
  queue->settings.reason.clear();
  write(QueueChanged{queue->settings}, out);
  jobs_.release_if_idle(*queue);
  return true;
}

std::optional<std::size_t> Engine::purge(std::string_view name, Moment now, Effects& out) {
  last_ = now;
  Queue* queue = jobs_.find_queue(name);
  if (!queue) return 0;
  queue->settings.purge_up_to = jobs_.next_sequence() - 1;
  write(QueueChanged{queue->settings}, out);
  std::vector<Job*> scheduled;
  for (Job& job : jobs_.schedule()) {
    if (job.queue == queue) scheduled.push_back(&job);
  }
  for (Job* job : scheduled) finish(*job, Outcome{}, now, out);
  if (const auto& edge = jobs_.schedule_window.edge; edge && queue->scheduled > 0) sweep_schedule(*edge);
  const std::size_t purged = scheduled.size() + purge_some(*queue, now, out);
  const bool goes_on = queue->settings.purge_up_to > 0;
  if (!goes_on) jobs_.release_if_idle(*queue);
  return goes_on ? std::nullopt : std::optional(purged);
}

std::size_t Engine::drain_consumers(std::string_view name, Effects& out) {
  std::size_t drained = 0;
  for (auto& [id, session] : sessions_) {
    if (!session.consumer || (session.name != name && session.instance.to_string() != name)) continue;
    ++drained;
    session.is_welcomed ? out.draining.push_back(id) : static_cast<void>(session.is_to_drain = true);
  }
  return drained;
}

bool Engine::forget_failed(const StoredJob& failed, Effects& out) {
  const JobId& id = failed.spec->id;
  retrying_.erase(id);
  if (failed.state != JobState::failed || !forgotten_.try_emplace(id, open_).second) return false;
  write(JobForgotten{id, {}}, out);
  jobs_.uncount(JobState::failed, 1);
  // Else it was submitted once more: the store will say that it had it.
  if (Job* cached = jobs_.find(id); cached != nullptr && is_final(cached->state)) jobs_.forget(*cached);
  if (Queue* queue = jobs_.find_queue(failed.spec->queue)) {
    --queue->failed;
    jobs_.release_if_idle(*queue);
  }
  return true;
}

// A retried job has its key, or has not got it.
void Engine::retried(const JobId& fresh, bool is_taken_in, Effects& out) {
  if (retried_.empty()) return;
  const auto found = retried_.find(fresh);
  if (found == retried_.end()) return;
  const auto failed = retrying_.extract(found->second);
  retried_.erase(found);
  if (is_taken_in && failed) static_cast<void>(forget_failed(failed.mapped(), out));
}

std::optional<JobId> Engine::retry(const StoredJob& failed, const JobId& fresh, Moment now, Effects& out) {
  last_ = now;
  const JobId& old = failed.spec->id;
  if (failed.state != JobState::failed || forgotten_.contains(old) || retrying_.contains(old)) return std::nullopt;
  auto spec = std::make_shared<JobSpec>(*failed.spec);
  spec->id = fresh;
  spec->submitted = now.wall;
  spec->due.reset();
  // It is asked for now, so a time that has passed since does not matter. Nor does a full queue: it was accepted once.
  spec->expires.reset();
  if (spec->options.expires_in) spec->expires = now.wall + *spec->options.expires_in;
  spec->sequence = jobs_.take_sequence();
  // Another job may have its key: only the store knows, and then this one stays.
  if (spec->options.unique.empty()) {
    static_cast<void>(forget_failed(failed, out));
  } else {
    retrying_.emplace(old, failed);
    retried_.emplace(fresh, old);
  }
  take_in(std::move(spec), 0, false, out);
  return fresh;
}

}  // namespace zebu::broker
