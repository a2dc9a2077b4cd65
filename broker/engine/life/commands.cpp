#include "broker/engine/engine.h"
#include "broker/records/list_place.h"
#include "zebu/utf8.h"

#include <algorithm>

// What people tell the broker: cancel, pause, resume, purge, drain, retry.
namespace zebu::broker {

void Engine::cancel(SessionId session, const message::Cancel& cancel, Moment now, Effects& out) {
  last_ = now;
  for (const JobId& id : cancel.ids) {
    if (Job* job = jobs_.find(id)) {
      cancel_one(*job, CancelIt{session, id}, out);
    } else {
      backlog_.look_up(id, CancelIt{session, id}, out.reads);
    }
  }
}

// The answer leaves when a broker after this one would know of the cancel too.
void Engine::cancel_one(Job& job, const CancelIt& cancel, Effects& out) {
  if (job.place == Place::fresh) {
    job.cancel_asked = true;  // once it is settled
    if (cancel.from) waiters_.answer_cancel_when_settled(job.spec->id, *cancel.from);
    return;
  }
  begin_cancel(job, out);
  tell_ending(cancel.from, cancel.asked, job, out);
}

void Engine::tell_ending(std::optional<SessionId> session, const JobId& asked, const Job& job, Effects& out) const {
  tell_ending(session, {asked, job.state}, batches_.due(job.batch), out);
}

void Engine::tell_ending(std::optional<SessionId> session, const message::EndingJob& job,
                         std::optional<BatchNumber> batch, Effects& out) const {
  if (session && waiters_.is_present(*session)) out.ending.push_back({*session, job, batch});
}

void Engine::begin_cancel(Job& job, Effects& out) {
  if (is_final(job.state) || job.cancel_asked) return;
  if (job.state == JobState::running) {
    job.cancel_asked = true;
    record_start(job, out);  // a broker after this one has to know why it was stopped
    stop(job, batches_.due(job.batch), out);
  } else {
    finish(job, Outcome::cancelled(), out);
  }
}

void Engine::pause(std::string_view name, std::string_view reason, std::string_view by, Moment now, Effects& out) {
  last_ = now;
  Queue& queue = jobs_.queue(name);
  queue.settings.is_paused = true;
  queue.settings.reason = utf8_beginning(mended_utf8(reason), message::kMaxReason);
  queue.settings.paused_by = QueueSettings::Pauser{std::string(by), now.wall};
  write(QueueChanged{queue.settings}, out);
  for (const auto& [key, line] : queue.lines) jobs_.touch(*line);
  hold_lines(queue);
}

bool Engine::resume(std::string_view name, Effects& out) {
  Queue* queue = jobs_.find_queue(name);
  if (!queue || !queue->settings.is_paused) return false;
  queue->settings.is_paused = false;
  queue->settings.reason.clear();
  queue->settings.paused_by.reset();
  write(QueueChanged{queue->settings}, out);
  for (const auto& [key, line] : queue->lines) jobs_.touch(*line);
  hold_lines(*queue);
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
  for (Job* job : scheduled) finish(*job, Outcome::cancelled(), out);
  if (const auto& edge = jobs_.schedule_window().edge; edge && queue->scheduled > 0) backlog_.sweep(*edge);
  const std::size_t purged = scheduled.size() + purge_some(*queue, out);
  const bool goes_on = queue->settings.purge_up_to.has_value();
  if (!goes_on) jobs_.release_if_idle(*queue);
  return goes_on ? std::nullopt : std::optional(purged);
}

std::size_t Engine::drain_consumers(std::string_view name, Effects& out) {
  std::size_t drained = 0;
  for (const auto& [id, each] : peers_.all()) {
    if (!each.consumer || (each.name != name && each.instance.to_string() != name)) continue;
    ++drained;
    peers_.find(id)->is_to_drain = true;  // its next session hears it too, if it missed this one
    if (each.is_welcomed) out.draining.push_back(id);
  }
  return drained;
}

bool Engine::forget_failed(const StoredJob& failed, Effects& out) {
  const JobId& id = failed.spec->id;
  if (failed.state != JobState::failed || !failed_jobs_.forget(id, batches_.open())) return false;
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
  const auto failed = failed_jobs_.settled(fresh);
  if (!failed) return;
  is_taken_in ? static_cast<void>(forget_failed(*failed, out)) : out.not_retried.push_back(fresh);
}

std::optional<JobId> Engine::retry(const StoredJob& failed, const JobId& fresh, Moment now, Effects& out) {
  last_ = now;
  const JobId& old = failed.spec->id;
  if (failed.state != JobState::failed || !failed_jobs_.may_retry(old)) return std::nullopt;
  auto spec = std::make_shared<JobSpec>(*failed.spec);
  spec->id = fresh;
  spec->submitted = now.wall;
  spec->listed_at = listed_at(fresh, now.wall + jobs_.clock_ahead());
  spec->due.reset();
  spec->is_due_by_wall = spec->is_expiry_by_wall = false;
  // It is asked for now, so a time that has passed since does not matter. Nor does a full queue: it was accepted once.
  spec->expires.reset();
  if (spec->options.expires_in) spec->expires = now.wall + *spec->options.expires_in;
  spec->sequence = jobs_.take_sequence();
  // Another job may have its key: only the store knows, and then this one stays.
  if (spec->options.unique.empty()) {
    static_cast<void>(forget_failed(failed, out));
  } else {
    failed_jobs_.retry_with_key(failed, fresh);
  }
  take_in(std::move(spec), std::nullopt, false, out);
  return fresh;
}

}  // namespace zebu::broker
