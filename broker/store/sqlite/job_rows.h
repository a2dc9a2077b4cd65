#pragma once

#include "broker/store/sqlite/row_feed.h"
#include "broker/store/sqlite/rows.h"
#include "broker/store/sqlite/statement.h"

#include <optional>
#include <string>
#include <vector>

namespace zebu::broker {

// The rows of `job` and `status`. A plain new job's row, and the status of one that has finished, wait in a feed for
// the end of the commit. Many of them go into the tables with one statement each. Few become *recent*: they are written
// into the one row of `store` instead, so that such a commit writes one page, and go into the tables with a later
// commit.
class JobRows {
 public:
  // The new jobs that waited, in order.
  struct Settled {
    std::vector<const JobAccepted*> taken;
    std::vector<Duplicate> duplicates;
  };

  explicit JobRows(SQLite::Database& database);

  // For recovery: puts the recent rows, as `store` has them, into the tables.
  void load(std::string recent);

  // A new job, whose id may be a duplicate's. The record must live until it is settled.
  void add(const JobAccepted& record);
  // The status of a job that has none yet.
  void add_status(const JobId& id, std::uint64_t sequence, const JobStatus& status);
  // Whether this job may be one of this commit that waits.
  [[nodiscard]] bool may_wait(const JobSpec& spec) const;

  // All that waits, and all that is recent, goes into the tables.
  [[nodiscard]] Settled insert();
  // At the end of a commit: a few waiting rows become recent, many go into the tables.
  [[nodiscard]] Settled settle();
  // Before tables are read: nothing waits and something is recent.
  [[nodiscard]] bool has_recent() const { return !recent_.empty(); }
  // For `store`.
  [[nodiscard]] const std::string& recent() const { return recent_; }

  // These go into the tables at once; insert() comes before them. False: the id is there.
  [[nodiscard]] bool insert(const JobSpec& spec, const std::optional<LargeValue>& args = {});
  void set_status(const JobId& id, std::uint64_t sequence, const JobStatus& status);
  void erase(const JobSpec& spec);  // that has JobSpec::listed_at
  void erase(const JobId& id);      // another one
  void erase_status(std::uint64_t sequence);

 private:
  [[nodiscard]] bool may_be_recent();
  [[nodiscard]] Settled keep_recent();
  [[nodiscard]] std::optional<std::uint64_t> sequence_of(const JobId& id);

  // The recent rows, then those that wait.
  RowFeed new_jobs_;
  RowFeed statuses_;
  std::string recent_;                        // the recent ones, as `store` has them
  std::vector<const JobAccepted*> accepted_;  // the last rows of new_jobs_, which wait
  std::size_t recent_statuses_ = 0;           // how many rows of statuses_ are recent
  Statement insert_job_;
  Statement insert_jobs_;
  Statement sequence_of_;
  Statement delete_job_;
  Statement set_status_;
  Statement insert_statuses_;
  Statement delete_status_;
  Statement insert_listed_;
  Statement delete_listed_;
};

}  // namespace zebu::broker
