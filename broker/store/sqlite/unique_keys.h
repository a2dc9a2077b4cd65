#pragma once

#include "broker/records/records.h"
#include "broker/store/sqlite/statement.h"

namespace zebu::broker {

// The table `unique_key`: which job has a key in its queue (unique_name()), and until when a job that has succeeded
// keeps it.
class UniqueKeys {
 public:
  explicit UniqueKeys(SQLite::Database& database);

  // False: another job has the key of this one.
  [[nodiscard]] bool claim(const JobSpec& spec, std::optional<WallTime> until, WallTime now);
  // Which job has the key that this one could not claim.
  [[nodiscard]] JobId owner(const JobSpec& spec);
  // If the job has its key.
  void release(const JobSpec& spec);

 private:
  Statement claim_;
  Statement owner_;
  Statement release_;
};

}  // namespace zebu::broker
