#pragma once

#include "broker/store/sqlite/failed_rows.h"
#include "broker/store/sqlite/job_counts.h"
#include "broker/store/sqlite/job_rows.h"
#include "broker/store/sqlite/outcome_expiry.h"
#include "broker/store/sqlite/places.h"
#include "broker/store/sqlite/reader.h"
#include "broker/store/sqlite/unique_keys.h"

namespace zebu::broker {

// The writes of the SQLite store, within one transaction that the store begins and commits: apply(), forget()
// or forget_failed(), then finish(). It turns each record into calls of the parts that own the tables: rows, places,
// counts, unique keys, failed jobs and the expiry of outcomes. Throws SQLite::Exception and StoreDamage.
class SqliteWriter {
 public:
  SqliteWriter(SQLite::Database& database, ResidentJobs& resident, SqliteQueues& queues, SqliteLines& lines,
               LargeValues& large, SqliteReader& reader);

  // For recovery: reads the counters, and puts the recent rows into their tables.
  void load();
  [[nodiscard]] const Counters& counters() const { return counts_.counters(); }

  [[nodiscard]] std::vector<Duplicate> apply(const std::vector<Record>& records);
  // For recovery: finished jobs that the file still names as resident.
  void forget_later(const std::vector<NamedResident::Ended>& ended);
  [[nodiscard]] bool is_any_due(WallTime now) { return expiry_.is_any_due(now); }
  [[nodiscard]] std::vector<Dropped> forget(WallTime now, std::size_t limit);
  [[nodiscard]] std::vector<Dropped> forget_failed(const std::vector<std::string>& queues, std::uint64_t keep,
                                                   std::size_t limit);
  // Writes the values that change with each commit; this is commit `number`.
  void finish(std::uint64_t number);

  // Rows of the newest jobs may not be in their tables yet (JobRows). They must be before tables are read.
  [[nodiscard]] bool has_recent() const { return rows_.has_recent(); }
  void insert_recent() { take(rows_.insert()); }

 private:
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
  void apply(const ValuePiece& record) { large_.add(record); }
  void apply(const ValueClosed& record) { large_.close(record.name); }
  void apply(const ClockChanged& record) { counts_.set_clock_ahead(record.ahead); }

  [[nodiscard]] std::optional<LargeValue> large_args_of(const JobSpec& spec);
  template <class R>
  [[nodiscard]] bool must_insert_before(const R& record) const;
  void take(JobRows::Settled settled);
  // The job's status, or the one of a job that has none yet.
  [[nodiscard]] JobStatus status_of(const JobSpec& spec, bool has_status);
  void set_status(const JobSpec& spec, const JobStatus& status) { rows_.set_status(spec.id, spec.sequence, status); }
  void release_if_begun(const JobSpec& spec);
  [[nodiscard]] bool keep_unique(const JobFinished& record);
  [[nodiscard]] std::optional<LargeValue> keep_large(const JobFinished& record);
  [[nodiscard]] std::optional<Dropped> drop(const JobId& id, std::optional<WallTime> now);

  ResidentJobs& resident_;
  SqliteQueues& queues_;
  LargeValues& large_;
  SqliteReader& reader_;
  RowReader decode_;
  JobCounts counts_;
  JobRows rows_;
  Places places_;
  UniqueKeys unique_;
  FailedRows failed_;
  OutcomeExpiry expiry_;
  std::vector<Duplicate> duplicates_;  // of the records that are being applied
  Statement select_store_;
  Statement update_store_;
  Statement find_finished_;
  Statement job_row_;
  Statement insert_consumer_;
  Statement delete_consumer_;
};

}  // namespace zebu::broker
