#include "job_table.h"

#include <cassert>

namespace zebu::broker {
namespace {

std::size_t size_of(const Job& job) { return size_of(*job.spec, *job.outcome); }

}  // namespace

std::size_t size_of(const JobSpec& spec, const Outcome& outcome) {
  std::size_t size = spec.size() + sizeof(Outcome) + outcome.result.size();
  size += outcome.error.type.size() + outcome.error.message.size();
  for (const std::string& line : outcome.error.trace) size += sizeof(line) + line.size();
  return size;
}

JobTable::~JobTable() {
  finished_.clear();
  for (auto& [name, queue] : queues_) queue->jobs.clear();
  // Jobs in a consumer's list: their hooks do not check.
  for (auto& [id, job] : jobs_) {
    if (job.is_linked()) JobList::node_algorithms::unlink(job.this_ptr());
  }
}

Job* JobTable::find(const JobId& id) {
  const auto found = jobs_.find(id);
  return found == jobs_.end() ? nullptr : &found->second;
}

const Job* JobTable::find(const JobId& id) const {
  const auto found = jobs_.find(id);
  return found == jobs_.end() ? nullptr : &found->second;
}

Queue* JobTable::find_queue(std::string_view name) {
  const auto found = queues_.find(name);
  return found == queues_.end() ? nullptr : found->second.get();
}

Queue& JobTable::queue(std::string_view name) {
  if (Queue* queue = find_queue(name)) return *queue;
  auto queue = std::make_unique<Queue>();
  queue->name = name;
  return *queues_.emplace(std::string(name), std::move(queue)).first->second;
}

void JobTable::release_if_idle(Queue& queue) {
  if (queue.is_idle()) queues_.erase(queue.name);
}

Job& JobTable::add(SharedSpec spec, JobState state) {
  next_sequence_ = std::max(next_sequence_, spec->sequence + 1);
  const auto [place, is_new] = jobs_.try_emplace(spec->id);
  assert(is_new);
  Job& job = place->second;
  job.spec = std::move(spec);
  job.state = state;
  ++counts_[static_cast<std::size_t>(state)];
  return job;
}

Job& JobTable::add_queued(SharedSpec spec) {
  Job& job = add(std::move(spec), JobState::queued);
  job.queue = &queue(job.spec->queue);
  job.queue->jobs.push_back(job);
  job.queue->bytes += job.spec->size();
  return job;
}

Job& JobTable::add_finished(SharedSpec spec, std::uint32_t attempt, SharedOutcome outcome, WallTime finished) {
  Job& job = add(std::move(spec), outcome->state);
  job.attempt = attempt;
  job.outcome = std::move(outcome);
  job.finished = finished;
  finished_.push_back(job);
  finished_bytes_ += size_of(job);
  return job;
}

void JobTable::move(Job& job, JobState to) {
  assert(may_move(job.state, to));
  --counts_[static_cast<std::size_t>(job.state)];
  ++counts_[static_cast<std::size_t>(to)];
  job.state = to;
}

void JobTable::start(Job& job, JobList& list) {
  move(job, JobState::running);
  job.queue->jobs.erase(job.queue->jobs.iterator_to(job));
  job.queue->bytes -= job.spec->size();
  ++job.queue->running;
  list.push_back(job);
}

void JobTable::put_back(Job& job, JobList& list) {
  move(job, JobState::queued);
  list.erase(list.iterator_to(job));
  job.session = 0;
  Queue& queue = *job.queue;
  --queue.running;
  queue.bytes += job.spec->size();
  // What comes back is old, so its place is near the front.
  auto place = queue.jobs.begin();
  while (place != queue.jobs.end() && place->spec->sequence < job.spec->sequence) ++place;
  queue.jobs.insert(place, job);
}

void JobTable::finish(Job& job, JobList* list, SharedOutcome outcome, WallTime now) {
  Queue& queue = *job.queue;
  if (job.state == JobState::running) {
    list->erase(list->iterator_to(job));
    --queue.running;
  } else {
    queue.jobs.erase(queue.jobs.iterator_to(job));
    queue.bytes -= job.spec->size();
  }
  move(job, outcome->state);
  job.queue = nullptr;
  job.session = 0;
  job.outcome = std::move(outcome);
  job.finished = now;
  finished_.push_back(job);
  finished_bytes_ += size_of(job);
  release_if_idle(queue);
}

void JobTable::trim_finished(std::size_t jobs, std::size_t bytes) {
  while (!finished_.empty() && (finished_.size() > jobs || finished_bytes_ > bytes)) {
    Job& oldest = finished_.front();
    finished_bytes_ -= size_of(oldest);
    --counts_[static_cast<std::size_t>(oldest.state)];
    finished_.pop_front();
    jobs_.erase(JobId(oldest.spec->id));
  }
}

}  // namespace zebu::broker
