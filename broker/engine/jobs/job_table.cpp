#include "broker/engine/jobs/job_table.h"

#include <algorithm>
#include <cassert>

namespace zebu::broker {
namespace {

std::size_t size_of(const Job& job) { return size_of(*job.spec, *job.outcome); }

void take_attempts(Job& job, const StoredJob& stored) {
  if (stored.earlier) job.need_extras().attempts = stored.earlier;
  if (!stored.last.consumer) return;
  job.consumer = stored.last.consumer;
  job.started = stored.last.started;
  job.has_started = true;
}

}  // namespace

void Rate::sample(double seconds) {
  constexpr double kWindow = 10;
  const double weight = std::min(1.0, seconds / kWindow);
  per_second += (static_cast<double>(count - sampled) / seconds - per_second) * weight;
  if (per_second < 0.01) per_second = 0;
  sampled = count;
}

JobTable::~JobTable() {
  for (Job& job : jobs_) {
    // The lists of running jobs are their consumers', who have cleared them.
    if (job.place == Place::running) job.place = Place::none;
    unlink(job);
  }
}

// ── finding ─────────────────────────────────────────────────────────────────────────────────────────────────────────

Queue* JobTable::find_queue(std::string_view name) {
  const auto found = queues_by_name_.find(name);
  return found == queues_by_name_.end() ? nullptr : found->second;
}

const Queue* JobTable::find_queue(std::string_view name) const {
  const auto found = queues_by_name_.find(name);
  return found == queues_by_name_.end() ? nullptr : found->second;
}

Queue& JobTable::queue(std::string_view name) {
  if (Queue* queue = find_queue(name)) return *queue;
  auto queue = std::make_unique<Queue>();
  queue->name = name;
  queue->settings.name = name;
  event_counts_.opened(queue->name, queue->counts);
  queues_by_name_.emplace(queue->name, queue.get());
  return *queues_.emplace(std::string(name), std::move(queue)).first->second;
}

void JobTable::release_if_idle(Queue& queue) {
  if (!queue.is_idle()) return;
  while (!queue.lines.empty()) erase(*queue.lines.begin()->second);
  event_counts_.closed(queue.counts);
  queues_by_name_.erase(queue.name);
  queues_.erase(queue.name);
}

// ── lines ───────────────────────────────────────────────────────────────────────────────────────────────────────────

Line& JobTable::line(const JobSpec& spec) { return line(queue(spec.queue), spec); }

Line& JobTable::line(Queue& its, const JobSpec& spec) {
  if (last_line_ != nullptr && &last_line_->queue() == &its && last_line_->name().task == spec.task) return *last_line_;
  const auto found = its.lines.find(ByTaskAndKey::View(spec.task, {}));
  last_line_ = found == its.lines.end() ? &line(line_name(spec)) : found->second.get();
  return *last_line_;
}

Line& JobTable::line(const LineName& name) {
  Queue& its = queue(name.queue);
  auto& line = its.lines[name];
  if (!line) {
    line = std::make_unique<Line>(its, name);
    ++lines_;
    touch(*line);
  }
  return *line;
}

Line& JobTable::line(const Job& job) {
  if (!job.is_suspect()) return line(*job.queue, *job.spec);
  return line(LineName{job.queue->name, job.spec->task, std::string(kSuspects)});
}

Line* JobTable::find_line(const LineName& name) {
  Queue* its = find_queue(name.queue);
  if (its == nullptr) return nullptr;
  const auto found = its->lines.find(name);
  return found == its->lines.end() ? nullptr : found->second.get();
}

void JobTable::erase(Line& line) {
  on_line_gone_(line);
  if (last_line_ == &line) last_line_ = nullptr;
  --lines_;
  Queue& queue = line.queue();
  queue.lines.erase(queue.lines.find(ByTaskAndKey::View(line.name().task, line.name().key)));
}

void JobTable::release_idle_lines() {
  LineList<&Line::emptied> emptied;
  emptied.swap(emptied_);
  while (Line* line = emptied.take_first()) {
    const bool was_used = std::exchange(line->was_used, false);
    if (!line->is_idle()) continue;
    if (was_used) {
      emptied_.add(*line);
    } else {
      erase(*line);
    }
  }
}

// ── counting ────────────────────────────────────────────────────────────────────────────────────────────────────────

void JobTable::count_waiting(Queue& queue, const JobSpec& spec, JobState state, int by) {
  std::size_t& jobs = state == JobState::scheduled ? queue.scheduled : queue.queued;
  jobs += static_cast<std::size_t>(by);
  const std::uint64_t size = spec.size();
  if (spec.options.transient) {
    queue.transient += static_cast<std::size_t>(by);
    queue.transient_bytes += by > 0 ? size : -size;
  } else {
    queue.bytes += by > 0 ? size : -size;
  }
}

void JobTable::count_in(const JobSpec& spec) {
  const JobState state = spec.due ? JobState::scheduled : JobState::queued;
  ++counts_[static_cast<std::size_t>(state)];
  count_waiting(queue(spec.queue), spec, state, 1);
}

void JobTable::count_out(const JobSpec& spec) {
  const JobState state = spec.due ? JobState::scheduled : JobState::queued;
  --counts_[static_cast<std::size_t>(state)];
  count_waiting(queue(spec.queue), spec, state, -1);
}

void JobTable::restore_counts(const Recovered& recovered) {
  next_sequence_ = recovered.next_sequence;
  counts_ = recovered.counts;
  for (const StoredQueue& stored : recovered.queues) {
    Queue& at = queue(stored.name);
    at.queued = stored.queued;
    at.scheduled = stored.scheduled;
    at.bytes = stored.bytes;
    at.failed = stored.failed;
  }
  for (const QueueSettings& settings : recovered.settings) {
    queue(settings.name).settings = settings;
    // Numbers of transient jobs are not in the store: none that a purge was about is given to a new job.
    if (settings.purge_up_to) next_sequence_ = std::max(next_sequence_, *settings.purge_up_to + 1);
  }
}

// ── coming and going ────────────────────────────────────────────────────────────────────────────────────────────────

Job& JobTable::insert(SharedSpec spec, JobState state) {
  Job& job = jobs_.make(spec->id);
  job.spec = std::move(spec);
  job.state = state;
  return job;
}

Job& JobTable::add(SharedSpec spec) {
  Job& job = insert(std::move(spec), JobState::queued);
  if (job.spec->due) {
    job.state = JobState::scheduled;
    job.due = due_of(*job.spec);
  }
  ++counts_[static_cast<std::size_t>(job.state)];
  job.queue = &queue(job.spec->queue);
  count_waiting(*job.queue, *job.spec, job.state, 1);
  return job;
}

Job& JobTable::add_stored(const StoredJob& stored) {
  Job& job = insert(stored.spec, stored.state);
  job.queue = &queue(job.spec->queue);
  job.uses = stored.uses;
  job.holder = stored.holder;
  job.cancel_asked = stored.cancel_asked;
  job.due = stored.due;
  job.outcome = stored.outcome;
  take_attempts(job, stored);
  if (job.state == JobState::running) ++job.queue->running;
  return job;
}

Job& JobTable::add_finished(const StoredJob& stored) {
  Job& job = insert(stored.spec, stored.state);
  job.uses = stored.uses;
  job.outcome = stored.outcome;
  job.finished = stored.finished;
  take_attempts(job, stored);
  link_finished(job);
  return job;
}

void JobTable::link(Job& job) {
  unlink(job);
  if (job.state == JobState::scheduled) {
    schedule_.insert(job);
    job.place = Place::schedule;
    if (!job.is_transient()) {
      ++schedule_window_.jobs;
      schedule_window_.bytes += job.spec->size();
    }
  } else {
    Line& its = line(job);
    its.was_used = true;
    if (its.insert(job)) touch(its);
    job.place = Place::line;
  }
  if (job.spec->expires) set_deadline(job, expiry_of(*job.spec));
}

void JobTable::link(Job& job, JobList& list, Place place) {
  list.push_back(job);
  job.list = &list;
  job.place = place;
}

void JobTable::link_finished(Job& job) {
  Finished& finished = finished_like(job);
  link(job, finished.jobs, Place::finished);
  finished.bytes += size_of(job);
}

void JobTable::unlink(Job& job) {
  clear_deadline(job);
  switch (std::exchange(job.place, Place::none)) {
    case Place::none:
      break;
    case Place::line: {
      Line& its = *job.line;
      if (its.erase(job) || its.window.edge) touch(its);  // the second: it may want to load
      if (its.jobs().empty()) emptied_.add(its);
      break;
    }
    case Place::schedule:
      schedule_.erase(schedule_.iterator_to(job));
      if (job.is_transient()) break;
      --schedule_window_.jobs;
      schedule_window_.bytes -= job.spec->size();
      break;
    case Place::finished:
      finished_like(job).bytes -= size_of(job);
      [[fallthrough]];
    case Place::fresh:
    case Place::running:
      job.list->erase(job.list->iterator_to(job));
      job.list = nullptr;
      break;
  }
}

void JobTable::drop(Job& job) {
  unlink(job);
  jobs_.drop(job);
}

void JobTable::set_deadline(Job& job, WallTime deadline) {
  clear_deadline(job);
  job.deadline = deadline;
  job.has_deadline = true;
  deadlines_of(job).insert(job);
}

void JobTable::clear_deadline(Job& job) {
  if (!std::exchange(job.has_deadline, false)) return;
  Deadlines& deadlines = deadlines_of(job);
  deadlines.erase(deadlines.iterator_to(job));
}

// ── edges ───────────────────────────────────────────────────────────────────────────────────────────────────────────

void JobTable::move(Job& job, JobState to) {
  assert(may_move(job.state, to));
  --counts_[static_cast<std::size_t>(job.state)];
  ++counts_[static_cast<std::size_t>(to)];
  const auto is_waiting = [](JobState state) { return state == JobState::scheduled || state == JobState::queued; };
  if (is_waiting(job.state)) count_waiting(*job.queue, *job.spec, job.state, -1);
  if (job.state == JobState::running) --job.queue->running;
  job.state = to;
  if (is_waiting(to)) count_waiting(*job.queue, *job.spec, to, 1);
  if (to == JobState::running) ++job.queue->running;
}

void JobTable::start(Job& job, JobList& list) {
  unlink(job);
  move(job, JobState::running);
  link(job, list, Place::running);
}

void JobTable::orphan(Job& job, JobList& list) {
  unlink(job);
  job.session.reset();
  link(job, list, Place::running);
}

void JobTable::put_back(Job& job) {
  unlink(job);
  move(job, JobState::queued);
  job.session.reset();
}

void JobTable::reschedule(Job& job, WallTime due) {
  unlink(job);
  move(job, JobState::scheduled);
  job.session.reset();
  job.due = due;
}

void JobTable::make_due(Job& job) {
  unlink(job);
  move(job, JobState::queued);
}

void JobTable::finish(Job& job, SharedOutcome outcome, WallTime now) {
  unlink(job);
  move(job, outcome->state);
  Queue& queue = *std::exchange(job.queue, nullptr);
  if (job.state == JobState::failed && !job.is_transient()) ++queue.failed;
  job.session.reset();
  if (job.extras) {
    job.extras->progress.reset();
    if (!job.extras->attempts) job.extras.reset();
  }
  job.outcome = std::move(outcome);
  job.finished = now;
  link_finished(job);
  release_if_idle(queue);
}

void JobTable::trim_finished(std::size_t jobs, std::size_t bytes, BatchNumber settled) {
  Finished& durable = durable_finished_;
  Finished& transient = transient_finished_;
  const std::size_t most = std::min(jobs, kDurableKept);
  while (!durable.jobs.empty() && (durable.jobs.size() > most || durable.bytes + transient.bytes > bytes)) {
    if (durable.jobs.front().batch > settled) break;
    forget(durable.jobs.front());
  }
  while (!transient.jobs.empty() && (transient.jobs.size() > jobs || transient.bytes > bytes)) {
    forget(transient.jobs.front());
  }
}

void JobTable::forget_due(WallTime now, std::size_t most) {
  for (; most > 0 && !forgetting_.empty() && forgetting_.begin()->deadline <= now; --most) forget(*forgetting_.begin());
}

void JobTable::forget_transient(WallTime finished) {
  JobList& jobs = transient_finished_.jobs;
  for (auto next = jobs.begin(); next != jobs.end() && next->finished <= finished;) {
    Job& job = *next++;
    if (!job.has_deadline) forget(job);
  }
}

void JobTable::forget(Job& job) {
  // Of a durable job the store decides when it is forgotten, and its count goes then.
  if (job.is_transient()) --counts_[static_cast<std::size_t>(job.state)];
  drop(job);
}

}  // namespace zebu::broker
