#include "broker/records/list_place.h"
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
  std::size_t bytes = 0;
  for (auto id = ids.begin(); id != ids.end() && bytes < kPageBytes; ++id) {
    const auto job = jobs_.find(*id);
    found.push_back(job == jobs_.end() ? std::nullopt : std::optional(job->second.job));
    if (found.back()) bytes += size_of(*found.back());
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
  const auto from = ListPlace::parse(filter.after);
  if (!from) return page;
  auto by_id = from->id ? jobs_.lower_bound(*from->id) : jobs_.end();
  auto by_time = listed_at_.lower_bound({from->at, from->sequence});
  std::size_t bytes = 0;
  std::string place;
  const auto add = [&](const Entry& entry) {
    const StoredJob& job = entry.job;
    const bool may_run = job.state == JobState::queued && !entry.is_in_line;
    if (filter.state && job.state != *filter.state && !(may_run && filter.state == JobState::running)) return;
    if (!filter.queue.empty() && job.spec->queue != filter.queue) return;
    if (!filter.task.empty() && job.spec->task != filter.task) return;
    page.jobs.push_back(job);
    bytes += size_of(job);
  };
  while (by_id != jobs_.begin() || by_time != listed_at_.begin()) {
    if (page.jobs.size() == filter.limit || bytes >= kPageBytes) {
      page.next = place;
      break;
    }
    const bool has_id = by_id != jobs_.begin();
    const auto time = has_id ? WallTime(std::prev(by_id)->first.unix_time()) : WallTime{};
    if (by_time != listed_at_.begin() && (!has_id || std::prev(by_time)->first.first > time)) {
      --by_time;
      place = ListPlace::behind(by_time->first.first, by_time->first.second);
      add(jobs_.at(by_time->second));
    } else {
      --by_id;
      place = ListPlace::behind(by_id->first);
      if (!by_id->second.job.spec->listed_at) add(by_id->second);
    }
  }
  return page;
}

}  // namespace zebu::broker
