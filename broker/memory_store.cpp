#include "memory_store.h"

#include <algorithm>

namespace zebu::broker {

Result<void> MemoryStore::commit(std::vector<Record> records) {
  for (Record& record : records) {
    std::visit([this](auto&& r) { apply(std::move(r)); }, std::move(record));
  }
  return {};
}

void MemoryStore::apply(JobAccepted&& record) {
  const JobId id = record.spec->id;
  jobs_.try_emplace(id, StoredJob{std::move(record.spec), JobState::queued, 0, {}, nullptr, {}});
}

void MemoryStore::apply(AttemptStarted&& record) {
  const auto found = jobs_.find(record.id);
  if (found == jobs_.end()) return;
  found->second.state = JobState::running;
  found->second.attempt = record.attempt;
  found->second.holder = record.holder;
}

void MemoryStore::apply(JobPutBack&& record) {
  const auto found = jobs_.find(record.id);
  if (found == jobs_.end()) return;
  found->second.state = JobState::queued;
  found->second.attempt = record.attempt;
}

void MemoryStore::apply(JobFinished&& record) {
  const auto found = jobs_.find(record.id);
  if (found == jobs_.end()) return;
  found->second.state = record.outcome->state;
  found->second.outcome = std::move(record.outcome);
  found->second.finished = record.finished;
  finished_.push_back(record.id);
  finished_bytes_ += size_of(*found->second.spec, *found->second.outcome);
  trim_finished();
}

void MemoryStore::trim_finished() {
  while (!finished_.empty() && (finished_.size() > keep_ || finished_bytes_ > keep_bytes_)) {
    const auto oldest = jobs_.find(finished_.front());
    finished_bytes_ -= size_of(*oldest->second.spec, *oldest->second.outcome);
    jobs_.erase(oldest);
    finished_.pop_front();
  }
}

Result<void> MemoryStore::recover(const std::function<void(StoredJob)>& visit) {
  std::vector<const StoredJob*> unfinished;
  for (const auto& [id, job] : jobs_) {
    if (!is_final(job.state)) unfinished.push_back(&job);
  }
  std::sort(unfinished.begin(), unfinished.end(),
            [](const StoredJob* a, const StoredJob* b) { return a->spec->sequence < b->spec->sequence; });
  for (const StoredJob* job : unfinished) visit(*job);
  for (const JobId& id : finished_) visit(jobs_.at(id));
  return {};
}

}  // namespace zebu::broker
