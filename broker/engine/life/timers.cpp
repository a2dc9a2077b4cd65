#include "broker/engine/engine.h"

#include <algorithm>

// What happens because time has passed. Everything that is timed is in next_deadline().
namespace zebu::broker {
namespace {

constexpr std::chrono::seconds kHousekeeping{1};
// Jobs whose time has come together take turns with messages: so many a round, and of durable ones so many a commit,
// for others wait for that.
constexpr std::size_t kTimedAtOnce = 1000;
constexpr std::size_t kTimedACommit = 400;
constexpr std::chrono::milliseconds kForgetPace{200};  // under load
constexpr std::size_t kForgetAtOnce = 1000;
constexpr std::size_t kForgetAtMost = 50'000;
constexpr std::size_t kExpireAtOnce = 1000;
constexpr std::size_t kPurgeAtOnce = 2000;
constexpr std::size_t kSweepWaiters = 10'000;

}  // namespace

void Engine::tick(Moment now, Effects& out) {
  last_ = now;
  forget_finished(now);
  if (peers_.is_wait_over() && !claims_.has_open()) end_wait(out);
  if (!claims_.has_open()) give_up_claims(out);
  check_liveness(now, out);
  if (!next_housekeeping_ || now.steady >= *next_housekeeping_) house_keep(now, out);
  if (next_forgetting_ && now.steady >= *next_forgetting_) forget_more(out);
  meet_deadlines(now, out);
  move_due(now, out);
  if (std::exchange(is_purging_, false)) purge_all(out);
  record_starts(now, out);
  clear_suspects();
  let_poor_try();
  assign(now, out);
  backlog_.page(out.reads);
}

// Before anything of this tick ends a job, so that the tick's own ends are remembered at least until the next one.
void Engine::forget_finished(Moment now) {
  jobs_.trim_finished(options_.keep, options_.keep_bytes, batches_.settled());
  jobs_.forget_due(now.wall, kTimedAtOnce);
  if (!next_housekeeping_ || now.steady >= *next_housekeeping_) jobs_.forget_transient(now.wall - options_.result_ttl);
}

std::optional<TimePoint> Engine::next_deadline() const {
  std::optional<TimePoint> next = next_housekeeping_;
  const auto at = [&](TimePoint time) { next = next ? std::min(*next, time) : time; };
  if (next_forgetting_) at(*next_forgetting_);
  const auto at_wall = [&](WallTime time) { at(last_.steady + (time - last_.wall)); };
  if (is_purging_) at(last_.steady);
  if (const auto beat = peers_.next_beat()) at(*beat);
  if (const auto end = peers_.wait_ends(); end && !claims_.has_open()) at(*end);
  if (!claims_end_.empty() && !claims_.has_open()) at(last_.steady + options_.beat());
  if (!starts_.empty()) at(starts_.front().record_at);
  if (!poor_.empty()) at(poor_.begin()->first);
  if (!suspects_.empty()) at_wall(suspects_.begin()->first);
  const bool may_time = may_time_more();  // else the next commit's beginning calls
  if (may_time && !jobs_.deadlines().empty()) at_wall(jobs_.deadlines().begin()->deadline);
  if (!jobs_.forgetting().empty()) at_wall(jobs_.forgetting().begin()->deadline);
  if (may_time && !jobs_.schedule().empty()) at_wall(jobs_.schedule().begin()->due);
  return next;
}

bool Engine::may_time_more() const { return timed_in_batch_ < kTimedACommit; }

void Engine::move_due(Moment now, Effects& out) {
  for (std::size_t moved = 0; moved < kTimedAtOnce; ++moved) {
    if (jobs_.schedule().empty() || jobs_.schedule().begin()->due > now.wall || !may_time_more()) return;
    Job& job = *jobs_.schedule().begin();
    if (!job.is_transient()) ++timed_in_batch_;
    jobs_.make_due(job);
    Line& line = jobs_.line(*job.spec);
    const LineKey key = line_key(*job.spec);
    const bool in_line = !job.is_transient() && line.window.is_beyond(key);
    record(job, JobDue{job.spec, in_line}, out);
    if (in_line) {
      backlog_.left(line, key);
      leave_memory(job);
    } else {
      enter_line(job, out);
    }
  }
}

// ── the wall clock ──────────────────────────────────────────────────────────────────────────────────────────────────

void Engine::clock_is_ahead(std::chrono::milliseconds ahead, Effects& out) {
  if (ahead == jobs_.clock_ahead()) return;
  jobs_.set_clock_ahead(ahead);
  write(ClockChanged{ahead}, out);
  follow_wall_in_memory(out);
  if (!jobs_.schedule_window().edge) return;
  is_following_wall_ = true;
  backlog_.sweep({});
}

// A scheduled job that is linked nowhere gets the time that the wall clock gives it now.
void Engine::follow_wall(Job& job, Effects& out) {
  job.due = jobs_.due_of(*job.spec);
  record(job, JobRescheduled{job.spec, job.uses, job.due, job.outcome, job.attempts()}, out);
}

void Engine::follow_wall_in_memory(Effects& out) {
  std::vector<Job*> scheduled;
  for (Job& job : jobs_.schedule()) {
    if (follows_wall(job)) scheduled.push_back(&job);
  }
  for (Job* job : scheduled) {
    jobs_.unlink(*job);
    follow_wall(*job, out);
    jobs_.link(*job);
  }
  std::vector<Job*> expiring;
  for (Job& job : jobs_.deadlines()) {
    if (job.state != JobState::running && job.spec->is_expiry_by_wall) expiring.push_back(&job);
  }
  for (Job* job : expiring) jobs_.set_deadline(*job, jobs_.expiry_of(*job->spec));
}

// What waits expires; what runs has run for too long.
void Engine::meet_deadlines(Moment now, Effects& out) {
  for (std::size_t met = 0; met < kTimedAtOnce; ++met) {
    if (jobs_.deadlines().empty() || jobs_.deadlines().begin()->deadline > now.wall || !may_time_more()) return;
    Job& job = *jobs_.deadlines().begin();
    if (!job.is_transient()) ++timed_in_batch_;
    if (job.state != JobState::running) {
      finish(job, Outcome::expired(), out);
      continue;
    }
    if (const auto later = later_limit(job, now)) {
      jobs_.set_deadline(job, *later);
      continue;
    }
    jobs_.clear_deadline(job);
    stop(job, batches_.due(job.batch), out);
    Outcome outcome = Outcome::failed({"zebu::HardLimit", "its consumer did not end it at its hard limit", {}, {}});
    outcome.ran =
        std::chrono::duration_cast<std::chrono::microseconds>(now.wall - (job.has_started ? job.started : now.wall));
    leave_consumer(job);
    end_attempt(job, std::move(outcome), out);
  }
}

// Set: the outcome of a running job may be on its way, or its attempt may have begun later than it was assigned.
std::optional<WallTime> Engine::later_limit(const Job& job, Moment now) {
  if (limits_from_ && now.steady < *limits_from_) {
    return now.wall + std::chrono::ceil<std::chrono::milliseconds>(*limits_from_ - now.steady);
  }
  const Session* session = job.session ? peers_.find(*job.session) : nullptr;
  if (session == nullptr || !session->consumer) return std::nullopt;
  const Consumer& consumer = *session->consumer;
  if (consumer.is_behind || consumer.is_sending) return now.wall + options_.liveness;
  if (!consumer.caught_up || *consumer.caught_up < job.started) return std::nullopt;
  const WallTime limit =
      *consumer.caught_up + job.spec->options.hard_limit.value_or(std::chrono::milliseconds(0)) + options_.liveness;
  return limit > now.wall ? std::optional(limit) : std::nullopt;
}

// ── purging ─────────────────────────────────────────────────────────────────────────────────────────────────────────

void Engine::purge_all(Effects& out) {
  std::vector<Queue*> purged;
  for (const auto& [name, queue] : jobs_.queues()) {
    if (queue->settings.purge_up_to) purged.push_back(queue.get());
  }
  for (Queue* queue : purged) {
    purge_some(*queue, out);
    jobs_.release_if_idle(*queue);
  }
}

std::size_t Engine::purge_some(Queue& queue, Effects& out) {
  const std::uint64_t last = *queue.settings.purge_up_to;
  std::size_t purged = 0;
  bool has_stored = false;
  for (const auto& [key, line] : queue.lines) {
    if (purged < kPurgeAtOnce) purged += purge_line(*line, last, kPurgeAtOnce - purged, out);
    has_stored = has_stored || line->window.edge || line->window.is_loading;
  }
  if (purged == kPurgeAtOnce) {
    is_purging_ = true;
  } else if (!has_stored && !backlog_.is_sweeping()) {
    queue.settings.purge_up_to.reset();
    write(QueueChanged{queue.settings}, out);
  }
  return purged;
}

// In each rank the oldest come first, so the ones to be cancelled are at the front of each.
std::size_t Engine::purge_line(Line& line, std::uint64_t last, std::size_t most, Effects& out) {
  std::size_t purged = 0;
  for (std::uint8_t rank = 0; rank <= kMaxPriority; ++rank) {
    auto next = line.jobs().lower_bound(LineKey{rank, 0});
    while (purged < most && next != line.jobs().end() && line_key(*next->spec) <= LineKey{rank, last}) {
      Job& job = *next++;
      finish(job, Outcome::cancelled(), out);
      ++purged;
    }
  }
  return purged;
}

bool Engine::has_to_sweep() const {
  if (is_following_wall_) return true;
  const auto& queues = jobs_.queues();
  return std::any_of(queues.begin(), queues.end(), [](const auto& queue) {
    return queue.second->settings.purge_up_to && queue.second->scheduled > 0;
  });
}

void Engine::swept(const ScheduledLoaded& loaded, Effects& out) {
  const bool has_more = backlog_.swept(loaded);
  is_purging_ = true;
  for (const StoredJob& stored : loaded.jobs) {
    const JobSpec& spec = *stored.spec;
    const Queue* queue = jobs_.find_queue(spec.queue);
    const bool is_to_end = queue != nullptr && queue->settings.purges(spec);
    const bool is_to_move = spec.is_due_by_wall && stored.uses.attempt == 0 && stored.due != jobs_.due_of(spec);
    if ((!is_to_end && !is_to_move) || backlog_.has_just_left(spec.id)) continue;
    Job* known = jobs_.find(spec.id);
    if (!is_to_end) {
      if (known == nullptr) page_in(stored, out);
    } else if (known == nullptr) {
      finish(bring_in(stored), Outcome::cancelled(), out);
    } else if (known->place == Place::schedule) {
      finish(*known, Outcome::cancelled(), out);  // it has come into memory meanwhile
    } else if (known->place == Place::fresh) {
      // It was submitted once more. When the store has said that it has it, there is one of it again.
      backlog_.sweep({stored.due, spec.sequence});
    }
  }
  if (has_more) backlog_.sweep({loaded.jobs.back().due, loaded.jobs.back().spec->sequence + 1});
  if (!has_more && !backlog_.is_sweeping()) is_following_wall_ = false;
  if (!has_to_sweep()) backlog_.end_sweep();
}

// ── each second ─────────────────────────────────────────────────────────────────────────────────────────────────────

void Engine::house_keep(Moment now, Effects& out) {
  const double seconds = std::chrono::duration<double>(now.steady - last_housekeeping_).count();
  for (const auto& [name, queue] : jobs_.queues()) {
    queue->in.sample(seconds);
    queue->out.sample(seconds);
  }
  last_housekeeping_ = now.steady;
  next_housekeeping_ = now.steady + kHousekeeping;
  forget_more(out);
  forget_oldest_failed(out);
  report_forgotten(out);
  if (backlog_.has_stored()) look_for_expired(out);
  transient_keys_.tidy(jobs_.in_memory().size(), [&](const JobId& id) { return jobs_.find(id) != nullptr; });
  waiters_.sweep(kSweepWaiters);
  jobs_.release_idle_lines();
}

// One step while little is due, and under load as much as comes: more than has finished since the last step.
void Engine::forget_more(Effects& out) {
  next_forgetting_.reset();
  if (std::exchange(is_forgetting_, true)) return;
  const std::uint64_t finished = totals_.finished();
  const std::uint64_t since = finished - std::exchange(finished_then_, finished);
  const std::size_t limit = std::min<std::uint64_t>(kForgetAtOnce + 2 * since, kForgetAtMost);
  out.reads.emplace_back(Forget{last_.wall, limit});
}

void Engine::forgotten(const Forgotten& forgotten, Effects& out) {
  is_forgetting_ = false;
  drop_forgotten(forgotten.jobs, Why::too_old);
  if (forgotten.jobs.size() >= forgotten.asked.limit) {
    forget_more(out);
  } else if (forgotten.jobs.size() >= kForgetAtOnce) {
    next_forgetting_ = last_.steady + kForgetPace;
  }
}

void Engine::look_for_expired(Effects& out) {
  if (std::exchange(is_checking_expiry_, true)) return;
  // The times of some are of the wall clock.
  const WallTime latest = last_.wall + std::max(jobs_.clock_ahead(), std::chrono::milliseconds(0));
  out.reads.emplace_back(LoadExpired{latest, kExpireAtOnce, expired_from_});
}

// In the queues that have too many. The fullest comes first, so that each has its turn however fast others fail.
void Engine::forget_oldest_failed(Effects& out) {
  if (is_forgetting_failed_) return;
  std::vector<const Queue*> full;
  for (const auto& [name, queue] : jobs_.queues()) {
    if (queue->failed > options_.failed_limit) full.push_back(queue.get());
  }
  if (full.empty()) return;
  std::sort(full.begin(), full.end(), [](const Queue* a, const Queue* b) { return a->failed > b->failed; });
  ForgetFailed read{{}, options_.failed_limit, kForgetAtOnce};
  for (const Queue* queue : full) read.queues.push_back(queue->name);
  is_forgetting_failed_ = true;
  out.reads.emplace_back(std::move(read));
}

void Engine::report_forgotten(Effects& out) {
  for (auto& [queue, report] : forgotten_failed_) {
    report.queue = queue;
    out.forgotten_failed.push_back(std::move(report));
  }
  forgotten_failed_.clear();
}

}  // namespace zebu::broker
