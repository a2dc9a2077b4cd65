#include "sqlite_queues.h"

#include <algorithm>

namespace zebu::broker {
namespace {

// More rows than that, and those of idle queues go: names may be made by programs, without end.
constexpr std::size_t kIdleQueues = 1024;

std::int64_t payload_of(const JobSpec& spec) { return static_cast<std::int64_t>(spec.size() - sizeof(JobSpec)); }

}  // namespace

SqliteQueues::SqliteQueues(SQLite::Database& database)
    : select_(database,
              "SELECT number, name, queued, scheduled, payload, failed, paused, reason, purge_up_to FROM queue"),
      upsert_(database,
              "INSERT OR REPLACE INTO queue(number, name, queued, scheduled, payload, failed, paused, "
              "reason, purge_up_to) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)"),
      delete_(database, "DELETE FROM queue WHERE number = ?") {}

void SqliteQueues::load() {
  auto rows = select_.query();
  while (rows.next()) {
    Queue queue;
    queue.number = rows.integer(0);
    queue.queued = rows.integer(2);
    queue.scheduled = rows.integer(3);
    queue.payload = rows.integer(4);
    queue.failed = rows.integer(5);
    queue.settings = {std::string(rows.blob(1)), rows.integer(6) != 0, std::string(rows.blob(7)), rows.number(8)};
    next_number_ = std::max(next_number_, queue.number + 1);
    const std::string name = queue.settings.name;
    queues_.emplace(name, std::move(queue));
  }
}

std::optional<std::int64_t> SqliteQueues::number(const std::string& name) const {
  if (last_ != nullptr && last_->settings.name == name) return last_->number;
  const auto found = queues_.find(name);
  return found == queues_.end() ? std::nullopt : std::optional(found->second.number);
}

SqliteQueues::Queue& SqliteQueues::at(const std::string& name) {
  if (last_ != nullptr && last_->settings.name == name) return *last_;
  const auto [found, is_new] = queues_.try_emplace(name);
  last_ = &found->second;
  if (is_new) {
    last_->number = next_number_++;
    last_->settings.name = name;
  }
  return *last_;
}

void SqliteQueues::count(const JobSpec& spec, JobState state, std::int64_t by) {
  if (state != JobState::queued && state != JobState::scheduled && state != JobState::failed) return;
  Queue& queue = at(spec.queue);
  if (state == JobState::failed) {
    queue.failed += by;
  } else {
    (state == JobState::queued ? queue.queued : queue.scheduled) += by;
    queue.payload += by * payload_of(spec);
  }
  changed(queue);
}

void SqliteQueues::drop_failed(const std::string& name) {
  Queue& queue = at(name);
  --queue.failed;
  changed(queue);
}

void SqliteQueues::set(const QueueSettings& settings) {
  Queue& queue = at(settings.name);
  queue.settings = settings;
  changed(queue);
}

void SqliteQueues::changed(Queue& queue) {
  if (queue.has_changed) return;
  queue.has_changed = true;
  changed_.push_back(&queue);
}

void SqliteQueues::save() {
  for (Queue* queue : changed_) {
    queue->has_changed = false;
    if (!queue->has_jobs() && !queue->has_settings() && queues_.size() > kIdleQueues) {
      delete_.run(queue->number);
      if (last_ == queue) last_ = nullptr;
      queues_.erase(queue->settings.name);
      continue;
    }
    const QueueSettings& settings = queue->settings;
    upsert_.run(queue->number, Bytes(settings.name), queue->queued, queue->scheduled, queue->payload, queue->failed,
                settings.is_paused ? 1 : 0, Bytes(settings.reason), settings.purge_up_to);
  }
  changed_.clear();
}

std::vector<StoredQueue> SqliteQueues::totals() const {
  std::vector<StoredQueue> totals;
  for (const auto& [name, queue] : queues_) {
    if (!queue.has_jobs()) continue;
    const auto waiting = static_cast<std::uint64_t>(queue.queued + queue.scheduled);
    totals.push_back({name, static_cast<std::uint64_t>(queue.queued), static_cast<std::uint64_t>(queue.scheduled),
                      static_cast<std::uint64_t>(queue.payload) + waiting * sizeof(JobSpec),
                      static_cast<std::uint64_t>(queue.failed)});
  }
  return totals;
}

std::vector<QueueSettings> SqliteQueues::settings() const {
  std::vector<QueueSettings> all;
  for (const auto& [name, queue] : queues_) {
    if (queue.has_settings()) all.push_back(queue.settings);
  }
  return all;
}

}  // namespace zebu::broker
