#include "broker/engine/engine.h"

#include <algorithm>

// What happens because time has passed. Everything that is timed is in next_deadline().
namespace zebu::broker {
namespace {

constexpr std::chrono::seconds kHousekeeping{1};
constexpr std::size_t kForgetAtOnce = 1000;
constexpr std::size_t kExpireAtOnce = 1000;
constexpr std::size_t kPurgeAtOnce = 2000;

}  // namespace

void Engine::tick(Moment now, Effects& out) {
  last_ = now;
  const bool is_over = expected_.empty() || (hold_until_ && now.steady >= *hold_until_);
  if (hold_until_ && is_over && !has_open_claims()) end_hold(out);
  forget_finished(now);
  if (next_beat_ && now.steady >= *next_beat_) check_liveness(now, out);
  if (!next_housekeeping_ || now.steady >= *next_housekeeping_) house_keep(now, out);
  meet_deadlines(now, out);
  move_due(now, out);
  if (std::exchange(is_purging_, false)) purge_all(now, out);
  record_starts(now, out);
  assign(now, out);
  page(out);
}

// Before anything of this tick ends a job: who is told of that reads the job after the tick.
void Engine::forget_finished(Moment now) {
  jobs_.trim_finished(options_.keep, options_.keep_bytes, settled_);
  jobs_.forget_due(now.wall);
  if (!next_housekeeping_ || now.steady >= *next_housekeeping_) jobs_.forget_transient(now.wall - options_.result_ttl);
}

std::optional<TimePoint> Engine::next_deadline() const {
  std::optional<TimePoint> next = next_housekeeping_;
  const auto at = [&](TimePoint time) { next = next ? std::min(*next, time) : time; };
  const auto at_wall = [&](WallTime time) { at(last_.steady + (time - last_.wall)); };
  if (is_purging_) at(last_.steady);
  if (next_beat_) at(*next_beat_);
  if (hold_until_ && !has_open_claims()) at(*hold_until_);
  if (!starts_.empty()) at(starts_.front().record_at);
  if (!jobs_.deadlines().empty()) at_wall(jobs_.deadlines().begin()->deadline);
  if (!jobs_.forgetting().empty()) at_wall(jobs_.forgetting().begin()->deadline);
  if (!jobs_.schedule().empty()) at_wall(jobs_.schedule().begin()->due);
  return next;
}

void Engine::move_due(Moment now, Effects& out) {
  while (!jobs_.schedule().empty() && jobs_.schedule().begin()->due <= now.wall) {
    Job& job = *jobs_.schedule().begin();
    jobs_.make_due(job);
    const bool in_line = !job.is_transient() && job.queue->window.is_beyond(job.line_key());
    record(job, JobDue{job.spec, in_line}, out);
    if (in_line) {
      leave_line(*job.queue, job.line_key());
      leave_memory(job);
    } else {
      enter_line(job, out);
    }
  }
}

// What waits expires; what runs has run for too long.
void Engine::meet_deadlines(Moment now, Effects& out) {
  while (!jobs_.deadlines().empty() && jobs_.deadlines().begin()->deadline <= now.wall) {
    Job& job = *jobs_.deadlines().begin();
    Outcome outcome;
    if (job.state != JobState::running) {
      outcome.state = JobState::expired;
      finish(job, std::move(outcome), now, out);
      continue;
    }
    jobs_.clear_deadline(job);
    stop(job.session, {job.spec->id, job.uses.attempt}, due_batch(job), out);
    outcome.state = JobState::failed;
    outcome.error = {"zebu::HardLimit", "its consumer did not end it at its hard limit", {}, ErrorKind::crash};
    outcome.ran = std::chrono::duration_cast<std::chrono::microseconds>(now.wall - job.started);
    fail_or_put_back(job, std::move(outcome), now, out);
  }
}

void Engine::purge_all(Moment now, Effects& out) {
  std::vector<Queue*> purged;
  for (const auto& [name, queue] : jobs_.queues()) {
    if (queue->settings.purge_up_to > 0) purged.push_back(queue.get());
  }
  for (Queue* queue : purged) {
    purge_some(*queue, now, out);
    jobs_.release_if_idle(*queue);
  }
}

// In each rank the oldest come first, so the ones to be cancelled are at the front of each.
std::size_t Engine::purge_some(Queue& queue, Moment now, Effects& out) {
  const std::uint64_t last = queue.settings.purge_up_to;
  std::size_t purged = 0;
  for (std::uint8_t rank = 0; rank <= kMaxPriority; ++rank) {
    auto next = queue.line.lower_bound(LineKey{rank, 0});
    while (purged < kPurgeAtOnce && next != queue.line.end() && next->line_key() <= LineKey{rank, last}) {
      Job& job = *next++;
      finish(job, Outcome{}, now, out);
      ++purged;
    }
  }
  if (purged == kPurgeAtOnce) {
    is_purging_ = true;
  } else if (queue.window.stored == 0 && !sweep_) {
    queue.settings.purge_up_to = 0;
    write(QueueChanged{queue.settings}, out);
  }
  return purged;
}

bool Engine::has_to_sweep() const {
  const auto& queues = jobs_.queues();
  return std::any_of(queues.begin(), queues.end(), [](const auto& queue) {
    return queue.second->settings.purge_up_to > 0 && queue.second->scheduled > 0;
  });
}

// Those that are to be purged and in the store only would otherwise be met when their time comes.
void Engine::sweep_schedule(ScheduleKey from) {
  auto& next = is_sweeping_ ? sweep_again_ : sweep_;
  next = next ? std::min(*next, from) : from;
}

void Engine::swept(const ScheduledLoaded& loaded, Moment now, Effects& out) {
  is_sweeping_ = false;
  is_purging_ = true;
  sweep_ = std::exchange(sweep_again_, std::nullopt);
  std::size_t bytes = 0;
  for (const StoredJob& stored : loaded.jobs) {
    const JobSpec& spec = *stored.spec;
    bytes += spec.size();
    const Queue* queue = jobs_.find_queue(spec.queue);
    if (queue == nullptr || spec.sequence > queue->settings.purge_up_to || just_left_.contains(spec.id)) continue;
    Job* known = jobs_.find(spec.id);
    if (known == nullptr) {
      finish(bring_in(stored), Outcome{}, now, out);
    } else if (known->place == Place::schedule) {
      finish(*known, Outcome{}, now, out);  // it has come into memory meanwhile
    } else if (known->place == Place::fresh) {
      // It was submitted once more. When the store has said that it has it, there is one of it again.
      sweep_schedule({stored.due, spec.sequence});
    }
  }
  if (loaded.jobs.size() >= loaded.asked.limit || bytes >= loaded.asked.bytes) {
    sweep_schedule({loaded.jobs.back().due, loaded.jobs.back().spec->sequence + 1});
  }
  if (!has_to_sweep()) sweep_.reset();
}

void Engine::house_keep(Moment now, Effects& out) {
  const double seconds = std::chrono::duration<double>(now.steady - last_housekeeping_).count();
  for (const auto& [name, queue] : jobs_.queues()) {
    queue->in.sample(seconds);
    queue->out.sample(seconds);
  }
  last_housekeeping_ = now.steady;
  next_housekeeping_ = now.steady + kHousekeeping;
  if (!std::exchange(is_forgetting_, true)) out.reads.emplace_back(Forget{now.wall, kForgetAtOnce});
  std::uint64_t stored = jobs_.schedule_window.stored;
  for (const auto& [name, queue] : jobs_.queues()) stored += queue->window.stored;
  if (stored > 0 && !std::exchange(is_checking_expiry_, true)) {
    out.reads.emplace_back(LoadExpired{now.wall, kExpireAtOnce});
  }
  // Keys whose jobs are forgotten, once they are the most.
  if (unique_.size() > 2 * jobs_.in_memory().size() + 1000) {
    std::erase_if(unique_, [&](const auto& entry) { return jobs_.find(entry.second) == nullptr; });
  }
}

}  // namespace zebu::broker
