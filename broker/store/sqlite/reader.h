#pragma once

#include "broker/store/sqlite/at_hand.h"
#include "broker/store/sqlite/queues.h"
#include "broker/store/sqlite/rows.h"
#include "broker/store/sqlite/statement.h"

#include <functional>

namespace zebu::broker {

// What the file names as at hand.
struct NamedAtHand {
  struct Ended {
    JobId id;
    WallTime forget_at{};
  };
  std::vector<StoredJob> jobs;
  std::vector<Ended> ended;  // of these no row of forgetting may know yet
};

// What the SQLite store reads: each method is one of Store's. Throws what SQLite throws, and StoreDamage.
class SqliteReader {
 public:
  SqliteReader(SQLite::Database& database, AtHand& at_hand, const SqliteQueues& queues);

  // Fills AtHand.
  [[nodiscard]] NamedAtHand recover();
  [[nodiscard]] std::vector<KnownConsumer> consumers();
  [[nodiscard]] std::optional<StoredJob> find(const JobId& id);
  [[nodiscard]] std::vector<LineName> lines(const std::vector<StoredQueue>& queues);
  [[nodiscard]] std::vector<StoredJob> load_queued(const LineName& line, LineKey from, std::size_t limit,
                                                   std::size_t bytes);
  [[nodiscard]] std::vector<StoredJob> load_scheduled(ScheduleKey from, std::size_t limit, std::size_t bytes);
  [[nodiscard]] std::vector<StoredJob> load_expired(WallTime now, std::size_t limit);
  [[nodiscard]] ListPage list(const ListFilter& filter);

  // Every job, newest id first.
  void visit(const std::function<void(const StoredJob&)>& visitor);

  [[nodiscard]] std::optional<JobStanding> standing(std::uint64_t sequence);
  [[nodiscard]] bool is_in_line(const JobSpec& spec);

 private:
  // Of a row with columns id, job.sequence, job.row, standing.row.
  [[nodiscard]] StoredJob stored(const Rows& rows);
  [[nodiscard]] bool is_in_schedule(const JobSpec& spec);
  [[nodiscard]] JobState waiting_state(const JobSpec& spec);
  [[nodiscard]] std::vector<std::uint64_t> recover_row(const std::vector<JobId>& ids, std::uint64_t number,
                                                       NamedAtHand& named);

  AtHand& at_hand_;
  const SqliteQueues& queues_;
  RowReader reader_;
  Statement newest_at_hand_;
  Statement at_hand_rows_;
  Statement consumers_;
  Statement find_;
  Statement standing_;
  Statement in_line_;
  Statement in_schedule_;
  Statement line_;
  Statement schedule_;
  Statement expired_;
  Statement list_;
  Statement list_failed_;
};

}  // namespace zebu::broker
