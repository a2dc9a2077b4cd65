#include "broker/store/sqlite/queues.h"

#include "broker/store/sqlite/rows.h"

#include <algorithm>

namespace zebu::broker {
namespace {

// With more rows than this, those of idle queues are deleted: programs may generate names without end.
constexpr std::size_t kIdleQueues = 1024;
// A longer list of counts is written as rows.
constexpr std::size_t kListLength = 16;
constexpr std::size_t kListed = 5;  // numbers for each queue in it
// The column purge_up_to of a queue that is not being purged. Sequences begin at 1.
constexpr std::uint64_t kNoPurge = 0;

std::int64_t payload_of(const JobSpec& spec) { return static_cast<std::int64_t>(spec.size() - sizeof(JobSpec)); }

}  // namespace

SqliteQueues::SqliteQueues(SQLite::Database& database)
    : select_list_(database, "SELECT queues FROM store"),
      select_(database,
              "SELECT number, name, queued, scheduled, payload, failed, paused, reason, purge_up_to, "
              "paused_by, paused_at FROM queue"),
      upsert_(database,
              "INSERT OR REPLACE INTO queue(number, name, queued, scheduled, payload, failed, paused, "
              "reason, purge_up_to, paused_by, paused_at) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"),
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
    queue.settings = {std::string(rows.blob(1)), rows.integer(6) != 0, std::string(rows.blob(7)), {}};
    if (const std::uint64_t last = rows.number(8); last != kNoPurge) queue.settings.purge_up_to = last;
    if (!rows.is_null(10)) {
      queue.settings.paused_by = QueueSettings::Pauser{std::string(rows.blob(9)), rows.time(10)};
    }
    next_number_ = std::max(next_number_, queue.number + 1);
    const std::string name = queue.settings.name;
    queues_.emplace(name, std::move(queue));
  }
  auto list = select_list_.query();
  if (list.next()) restore_counts(decode_numbers(list.blob(0)));
}

void SqliteQueues::restore_counts(const std::vector<std::uint64_t>& list) {
  for (std::size_t at = 0; at + kListed <= list.size(); at += kListed) {
    const auto number = [&](std::size_t field) { return static_cast<std::int64_t>(list[at + field]); };
    const auto found = std::find_if(queues_.begin(), queues_.end(),
                                    [&](const auto& queue) { return queue.second.number == number(0); });
    if (found == queues_.end()) throw StoreDamage("there are counts of an unknown queue");
    Queue& queue = found->second;
    queue.queued = number(1);
    queue.scheduled = number(2);
    queue.payload = number(3);
    queue.failed = number(4);
    queue.is_listed = true;
    list_.push_back(&queue);
  }
}

std::unordered_map<std::int64_t, std::string> SqliteQueues::names() const {
  std::unordered_map<std::int64_t, std::string> names;
  for (const auto& [name, queue] : queues_) names.emplace(queue.number, name);
  return names;
}

SqliteQueues::Queue& SqliteQueues::at(const std::string& name) {
  if (last_ != nullptr && last_->settings.name == name) return *last_;
  const auto [found, is_new] = queues_.try_emplace(name);
  last_ = &found->second;
  if (is_new) {
    last_->number = next_number_++;
    last_->settings.name = name;
    last_->needs_row = true;
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

std::uint64_t SqliteQueues::failed(const std::string& name) const {
  const auto found = queues_.find(name);
  return found == queues_.end() ? 0 : static_cast<std::uint64_t>(found->second.failed);
}

void SqliteQueues::set(const QueueSettings& settings) {
  Queue& queue = at(settings.name);
  queue.settings = settings;
  queue.needs_row = true;
  changed(queue);
}

void SqliteQueues::changed(Queue& queue) {
  if (queue.has_changed) return;
  queue.has_changed = true;
  changed_.push_back(&queue);
}

std::vector<std::string> SqliteQueues::save() {
  std::vector<std::string> gone;
  for (Queue* queue : changed_) {
    queue->has_changed = false;
    if (!queue->has_jobs() && !queue->has_settings() && queues_.size() > kIdleQueues) {
      delete_.run(queue->number);
      if (last_ == queue) last_ = nullptr;
      std::erase(list_, queue);
      gone.push_back(queue->settings.name);
      queues_.erase(gone.back());
    } else if (queue->needs_row) {
      write(*queue);
    } else if (!queue->is_listed) {
      queue->is_listed = true;
      list_.push_back(queue);
    }
  }
  changed_.clear();
  if (list_.size() <= kListLength) return gone;
  for (Queue* queue : list_) {
    write(*queue);
    queue->is_listed = false;
  }
  list_.clear();
  return gone;
}

// A queue in the list stays there: recovery takes its counts from the list, not from its row.
void SqliteQueues::write(Queue& queue) {
  const QueueSettings& settings = queue.settings;
  const QueueSettings::Pauser* by = settings.paused_by.get();
  upsert_.run(queue.number, Bytes(settings.name), queue.queued, queue.scheduled, queue.payload, queue.failed,
              settings.is_paused ? 1 : 0, Bytes(settings.reason), settings.purge_up_to.value_or(kNoPurge),
              by ? Bytes(by->name) : Bytes(), by ? std::optional(by->at) : std::nullopt);
  queue.needs_row = false;
}

std::vector<std::uint64_t> SqliteQueues::newest_counts() const {
  std::vector<std::uint64_t> numbers;
  numbers.reserve(list_.size() * kListed);
  for (const Queue* queue : list_) {
    for (const std::int64_t number : {queue->number, queue->queued, queue->scheduled, queue->payload, queue->failed}) {
      numbers.push_back(static_cast<std::uint64_t>(number));
    }
  }
  return numbers;
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
