#pragma once

#include "broker/records/records.h"
#include "broker/store/sqlite/statement.h"

#include <string>
#include <unordered_map>
#include <vector>

namespace zebu::broker {

// The queues that the file knows: a number, counts and settings for each name. All of them are in memory. Each has a
// row; the counts of those that changed last are in a short list instead, which is written with each commit.
class SqliteQueues {
 public:
  explicit SqliteQueues(SQLite::Database& database);

  void load();
  // For a job that comes or is there: a new queue gets a row.
  [[nodiscard]] std::int64_t number_of(const std::string& name) { return at(name).number; }
  [[nodiscard]] std::unordered_map<std::int64_t, std::string> names() const;

  // A job enters or leaves a state.
  void enter(const JobSpec& spec, JobState state) { count(spec, state, 1); }
  void leave(const JobSpec& spec, JobState state) { count(spec, state, -1); }
  void drop_failed(const std::string& queue);
  // How many failed jobs the queue has.
  [[nodiscard]] std::uint64_t failed(const std::string& queue) const;
  void set(const QueueSettings& settings);
  // Writes the rows that have to be. Returns the queues whose rows went.
  [[nodiscard]] std::vector<std::string> save();
  // The list: for each queue its number, queued, scheduled, payload and failed.
  [[nodiscard]] std::vector<std::uint64_t> newest_counts() const;

  [[nodiscard]] std::vector<StoredQueue> totals() const;
  [[nodiscard]] std::vector<QueueSettings> settings() const;

 private:
  struct Queue {
    std::int64_t number = 0;
    std::int64_t queued = 0;
    std::int64_t scheduled = 0;
    std::int64_t payload = 0;  // JobSpec::size() without sizeof(JobSpec), which may differ between builds
    std::int64_t failed = 0;
    QueueSettings settings;
    bool has_changed = false;  // since the last save()
    bool needs_row = false;    // not only its counts have changed
    bool is_listed = false;

    [[nodiscard]] bool has_jobs() const { return queued + scheduled + failed > 0; }
    [[nodiscard]] bool has_settings() const { return settings.is_paused || settings.purge_up_to.has_value(); }
  };

  Queue& at(const std::string& name);
  void count(const JobSpec& spec, JobState state, std::int64_t by);
  void changed(Queue& queue);
  void write(Queue& queue);
  void restore_counts(const std::vector<std::uint64_t>& list);

  std::unordered_map<std::string, Queue> queues_;
  Queue* last_ = nullptr;  // the one that at() found last: mostly the next one too
  std::vector<Queue*> changed_;
  std::vector<Queue*> list_;
  std::int64_t next_number_ = 1;
  Statement select_list_;
  Statement select_;
  Statement upsert_;
  Statement delete_;
};

}  // namespace zebu::broker
