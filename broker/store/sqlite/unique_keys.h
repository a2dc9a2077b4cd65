#pragma once

#include "broker/records/records.h"
#include "broker/store/sqlite/statement.h"

namespace zebu::broker {

// The table `unique_key`: which job has a key, and until when a job that has succeeded keeps it.
class UniqueKeys {
 public:
  explicit UniqueKeys(SQLite::Database& database);

  // False: another job has the key of this one.
  [[nodiscard]] bool claim(const JobSpec& spec, std::optional<WallTime> until, WallTime now);
  // Of a key that could not be claimed.
  [[nodiscard]] JobId owner(const std::string& key);
  // If the job has the key.
  void release(const std::string& key, const JobId& job);

 private:
  Statement claim_;
  Statement owner_;
  Statement release_;
};

}  // namespace zebu::broker
