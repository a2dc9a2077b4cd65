#pragma once

#include "broker/store/store.h"

#include <map>
#include <set>

namespace zebu::broker {

// Keeps jobs in memory: nothing outlives the process. It is also the model that the tests compare other stores with: a
// copy is a snapshot of all that was committed.
class MemoryStore final : public Store {
 public:
  [[nodiscard]] std::string_view name() const override { return "memory"; }
  [[nodiscard]] Result<Recovered> recover() override;
  [[nodiscard]] Result<std::vector<Duplicate>> commit(const std::vector<Record>& records) override;
  [[nodiscard]] Result<std::vector<std::optional<StoredJob>>> find(const std::vector<JobId>& ids) override;
  [[nodiscard]] Result<std::vector<StoredJob>> load_queued(const LineName& line, LineKey from, std::size_t limit,
                                                           std::size_t bytes) override;
  [[nodiscard]] Result<std::vector<StoredJob>> load_scheduled(ScheduleKey from, std::size_t limit,
                                                              std::size_t bytes) override;
  [[nodiscard]] Result<std::vector<StoredJob>> load_expired(WallTime latest, std::size_t limit,
                                                            ExpiryKey from) override;
  [[nodiscard]] Result<ListPage> list(const ListFilter& filter) override;
  [[nodiscard]] Result<std::vector<Dropped>> forget(WallTime now, std::size_t limit) override;
  [[nodiscard]] Result<std::vector<Dropped>> forget_failed(const std::vector<std::string>& queues, std::uint64_t keep,
                                                           std::size_t limit) override;

 private:
  struct Entry {
    StoredJob job;
    bool is_in_line = false;
    std::optional<WallTime> forget_at;
  };
  using Line = std::map<LineKey, JobId>;
  struct UniqueKey {
    JobId id;
    std::optional<WallTime> until;
  };
  using Expiring = std::pair<WallTime, std::uint64_t>;

  void apply(const JobAccepted& record);
  void apply(const JobEvicted& record);
  void apply(const AttemptStarted& record);
  void apply(const JobPutBack& record);
  void apply(const JobRescheduled& record);
  void apply(const JobDue& record);
  void apply(const JobFinished& record);
  void apply(const JobForgotten& record);
  void apply(const QueueChanged& record);
  void apply(const ConsumerChanged& record);
  // The record that has the value has all of it.
  void apply(const ValuePiece&) {}
  void apply(const ValueClosed&) {}
  void apply(const ClockChanged& record) { clock_ahead_ = record.ahead; }

  // The job, if it is there, unfinished, and the one that the record is about rather than a duplicate of it.
  [[nodiscard]] Entry* unfinished(const JobSpec& spec);
  void place(Entry& entry, bool in_line);
  void displace(Entry& entry);
  void move(Entry& entry, JobState to);
  void count(const Entry& entry, bool is_entering);
  [[nodiscard]] bool claim_unique(const JobSpec& spec, std::optional<WallTime> until, WallTime now);
  void release_unique(const JobSpec& spec);
  void started(const JobSpec& spec);
  void set_forget_at(Entry& entry, std::optional<WallTime> at);
  void drop(std::map<JobId, Entry>::iterator job);

  std::map<JobId, Entry> jobs_;
  std::map<std::pair<WallTime, std::uint64_t>, JobId> listed_at_;  // those with JobSpec::listed_at
  std::map<std::uint64_t, JobId> resident_;                        // queued ones that are not in line, and running ones
  std::map<std::string, StoredQueue> queues_;
  std::map<LineName, Line> lines_;  // that have jobs
  std::map<ScheduleKey, JobId> schedule_;
  std::map<Expiring, JobId> expiring_;       // in line or in the schedule
  std::map<std::string, UniqueKey> unique_;  // by unique_name()
  std::set<std::pair<WallTime, JobId>> forgetting_;
  std::map<std::string, std::set<std::pair<WallTime, JobId>>> failed_;  // of each queue, by when they failed
  std::map<std::string, QueueSettings> settings_;
  std::map<InstanceId, bool> consumers_;  // whether it is late
  std::array<std::uint64_t, kJobStates> counts_{};
  std::uint64_t next_sequence_ = 1;
  std::chrono::milliseconds clock_ahead_{0};
  std::vector<Duplicate> duplicates_;  // of the commit that is being applied
};

}  // namespace zebu::broker
