#include "broker/store/memory/store.h"

namespace zebu::broker {

Result<Recovered> MemoryStore::recover() {
  Recovered recovered;
  for (const auto& [sequence, id] : resident_) recovered.jobs.push_back(jobs_.at(id).job);
  for (auto& [name, queue] : queues_) {
    queue.name = name;
    if (queue.queued + queue.scheduled + queue.failed > 0) recovered.queues.push_back(queue);
  }
  for (const auto& [name, line] : lines_) recovered.lines.push_back(name);
  for (const auto& [name, settings] : settings_) recovered.settings.push_back(settings);
  for (const auto& [instance, is_late] : consumers_) recovered.consumers.push_back({instance, is_late});
  recovered.counts = counts_;
  recovered.next_sequence = next_sequence_;
  recovered.clock_ahead = clock_ahead_;
  return recovered;
}

Result<std::vector<std::optional<StoredJob>>> MemoryStore::find(const std::vector<JobId>& ids) {
  std::vector<std::optional<StoredJob>> found;
  found.reserve(ids.size());
  for (const JobId& id : ids) {
    const auto job = jobs_.find(id);
    found.push_back(job == jobs_.end() ? std::nullopt : std::optional(job->second.job));
  }
  return found;
}

Result<std::vector<StoredJob>> MemoryStore::load_queued(const LineName& name, LineKey from, std::size_t limit,
                                                        std::size_t bytes) {
  std::vector<StoredJob> jobs;
  const auto found = lines_.find(name);
  if (found == lines_.end()) return jobs;
  const Line& line = found->second;
  std::size_t size = 0;
  for (auto at = line.lower_bound(from); at != line.end() && jobs.size() < limit && size < bytes; ++at) {
    jobs.push_back(jobs_.at(at->second).job);
    size += jobs.back().spec->size();
  }
  return jobs;
}

Result<std::vector<StoredJob>> MemoryStore::load_scheduled(ScheduleKey from, std::size_t limit, std::size_t bytes) {
  std::vector<StoredJob> jobs;
  std::size_t size = 0;
  for (auto at = schedule_.lower_bound(from); at != schedule_.end() && jobs.size() < limit && size < bytes; ++at) {
    jobs.push_back(jobs_.at(at->second).job);
    size += jobs.back().spec->size();
  }
  return jobs;
}

Result<std::vector<StoredJob>> MemoryStore::load_expired(WallTime latest, std::size_t limit, ExpiryKey from) {
  std::vector<StoredJob> jobs;
  auto at = expiring_.lower_bound(Expiring{from.due, from.sequence});
  for (; at != expiring_.end() && at->first.first <= latest && jobs.size() < limit; ++at) {
    jobs.push_back(jobs_.at(at->second).job);
  }
  return jobs;
}

Result<ListPage> MemoryStore::list(const ListFilter& filter) {
  ListPage page;
  std::size_t bytes = 0;
  auto at = jobs_.end();
  if (!filter.after.empty()) {
    const auto after = Uuid::parse(filter.after);
    if (!after) return page;
    at = jobs_.lower_bound(*after);
  }
  while (at != jobs_.begin()) {
    if (page.jobs.size() == filter.limit || bytes >= kPageBytes) {
      page.next = at->first.to_string();
      break;
    }
    --at;
    const StoredJob& job = at->second.job;
    const bool may_run = job.state == JobState::queued && !at->second.is_in_line;
    if (filter.state && job.state != *filter.state && !(may_run && filter.state == JobState::running)) continue;
    if (!filter.queue.empty() && job.spec->queue != filter.queue) continue;
    if (!filter.task.empty() && job.spec->task != filter.task) continue;
    page.jobs.push_back(job);
    bytes += job.outcome ? size_of(*job.spec, *job.outcome) : job.spec->size();
  }
  return page;
}

}  // namespace zebu::broker
