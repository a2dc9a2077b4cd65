#pragma once

#include "broker/store/sqlite/lines.h"
#include "broker/store/sqlite/queues.h"
#include "broker/store/sqlite/reader.h"
#include "broker/store/sqlite/resident.h"

namespace zebu::broker {

// Where each unfinished job is: resident, in its line, or in the schedule, always in exactly one of them. The last two
// are tables of one row a job; a job there that may expire has a row in `expiring`, too.
class Places {
 public:
  // Where a job was, and whether it may have a row in `status`.
  struct Place {
    JobState state = JobState::queued;
    bool has_status = false;
    bool was_resident = false;
  };

  Places(SQLite::Database& database, ResidentJobs& resident, SqliteQueues& queues, SqliteLines& lines,
         SqliteReader& reader);

  void put_in_line(const JobSpec& spec);
  void put_in_schedule(const JobSpec& spec, WallTime due);
  // False: it is not there.
  [[nodiscard]] bool take_from_schedule(const JobSpec& spec, WallTime due);
  // Takes an unfinished job out of wherever it is. Nothing: there is no such job, or it is finished.
  std::optional<Place> take(const JobSpec& spec);

  // Within a commit, after all its records. True when the file now names fewer jobs as resident.
  [[nodiscard]] bool save();

 private:
  [[nodiscard]] bool take_from_line(const JobSpec& spec);

  ResidentJobs& resident_;
  SqliteQueues& queues_;
  SqliteLines& lines_;
  SqliteReader& reader_;
  Statement insert_resident_;
  Statement delete_resident_;
  Statement insert_in_line_;
  Statement delete_in_line_;
  Statement insert_schedule_;
  Statement delete_schedule_;
  Statement insert_expiring_;
  Statement delete_expiring_;
};

}  // namespace zebu::broker
