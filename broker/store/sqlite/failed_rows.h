#pragma once

#include "broker/store/sqlite/queues.h"
#include "broker/store/sqlite/statement.h"

#include <string>
#include <vector>

namespace zebu::broker {

// Which jobs have failed: the tables `failed`, by id, to list them, and `failed_by_age`, by queue and time, to forget
// the oldest ones of a queue.
class FailedRows {
 public:
  FailedRows(SQLite::Database& database, SqliteQueues& queues);

  void add(const JobId& id, const std::string& queue, WallTime finished);
  void erase(const JobId& id, const std::string& queue, WallTime finished);
  // Those of the queue that failed first, in that order.
  [[nodiscard]] std::vector<JobId> oldest(const std::string& queue, std::size_t limit);

 private:
  SqliteQueues& queues_;
  Statement insert_;
  Statement insert_by_age_;
  Statement delete_;
  Statement delete_by_age_;
  Statement oldest_;
};

}  // namespace zebu::broker
