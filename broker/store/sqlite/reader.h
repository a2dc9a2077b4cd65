#pragma once

#include "broker/store/sqlite/large_values.h"
#include "broker/store/sqlite/lines.h"
#include "broker/store/sqlite/resident.h"
#include "broker/store/sqlite/rows.h"
#include "broker/store/sqlite/statement.h"

#include <functional>

namespace zebu::broker {

// The jobs that the file names as resident.
struct NamedResident {
  struct Ended {
    JobId id;
    WallTime forget_at{};
  };
  std::vector<StoredJob> jobs;
  std::vector<Ended> ended;  // `forgetting` may have no row of these yet
};

// The reads of the SQLite store: each method is one of Store's. Throws SQLite::Exception and StoreDamage.
class SqliteReader {
 public:
  // What is done with large values.
  enum class Large { read, check, leave_out };

  SqliteReader(SQLite::Database& database, ResidentJobs& resident, SqliteLines& lines, LargeValues& large);

  // Fills ResidentJobs.
  [[nodiscard]] NamedResident recover();
  [[nodiscard]] std::vector<KnownConsumer> consumers();
  [[nodiscard]] std::vector<std::optional<StoredJob>> find(const std::vector<JobId>& ids, Large args);
  [[nodiscard]] std::vector<StoredJob> load_queued(const LineName& line, LineKey from, std::size_t limit,
                                                   std::size_t bytes);
  [[nodiscard]] std::vector<StoredJob> load_scheduled(ScheduleKey from, std::size_t limit, std::size_t bytes);
  [[nodiscard]] std::vector<StoredJob> load_expired(WallTime latest, std::size_t limit, ExpiryKey from);
  [[nodiscard]] ListPage list(const ListFilter& filter);

  // Every job, newest id first, without large values, which are only checked.
  void visit(const std::function<void(const StoredJob&)>& visitor);

  [[nodiscard]] std::optional<JobStatus> status(std::uint64_t sequence);
  [[nodiscard]] bool is_in_line(const JobSpec& spec);

 private:
  [[nodiscard]] bool may_pass(const ListFilter& filter, const Rows& rows) const;
  [[nodiscard]] bool passes(const ListFilter& filter, const StoredJob& job) const;
  // Of a row with columns id, job.sequence, job.row, status.row.
  [[nodiscard]] StoredJob stored(const Rows& rows) { return stored(rows, Large::read, Large::read); }
  [[nodiscard]] StoredJob stored(const Rows& rows, Large args, Large outcomes);
  std::string read_large(const LargeValue& value, Large how, std::size_t& left_out);
  [[nodiscard]] bool is_in_schedule(const JobSpec& spec);
  [[nodiscard]] JobState waiting_state(const JobSpec& spec);
  [[nodiscard]] std::vector<std::uint64_t> recover_row(const std::vector<JobId>& ids, std::uint64_t number,
                                                       NamedResident& named);

  ResidentJobs& resident_;
  SqliteLines& lines_;
  LargeValues& large_;
  RowReader reader_;
  Statement newest_resident_;
  Statement resident_rows_;
  Statement consumers_;
  Statement find_;
  Statement status_;
  Statement in_line_;
  Statement in_schedule_;
  Statement line_;
  Statement schedule_;
  Statement expired_;
  Statement list_;
  Statement list_failed_;
  Statement list_others_;
};

}  // namespace zebu::broker
