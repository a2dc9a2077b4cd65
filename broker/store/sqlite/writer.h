#pragma once

#include "broker/store/sqlite/reader.h"
#include "broker/store/sqlite/row_feed.h"

#include <map>

namespace zebu::broker {

// What the SQLite store writes, within one transaction that somebody else begins and commits: apply() or forget(), then
// finish(). Throws what SQLite throws, and StoreDamage.
class SqliteWriter {
 public:
  SqliteWriter(SQLite::Database& database, AtHand& at_hand, SqliteQueues& queues, SqliteReader& reader);

  // What a restart needs: the counters, and the recent rows go into their tables.
  void load();
  [[nodiscard]] const Counters& counters() const { return counters_; }

  [[nodiscard]] std::vector<Duplicate> apply(const std::vector<Record>& records);
  // Jobs whose forgetting the file may not know of, since at_hand still names them.
  void forget_later(const std::vector<NamedAtHand::Ended>& ended);
  [[nodiscard]] bool is_any_due(WallTime now);
  [[nodiscard]] std::vector<Dropped> forget(WallTime now, std::size_t limit);
  // Writes what is kept once a commit: commit `number`.
  void finish(std::uint64_t number);

  // The rows of commits of few jobs are in the one row of `store` at first, so that such a commit writes one page.
  // Whoever reads tables must have them there: then all of these go into them.
  [[nodiscard]] bool has_recent() const { return !recent_.empty(); }
  void insert_recent() { insert_feeds(); }

 private:
  // Where a job was, and whether it may have a row in `standing`.
  struct Place {
    JobState state = JobState::queued;
    bool has_standing = false;
    bool was_at_hand = false;
  };
  // Outcomes that are to be dropped at about the same time, the first of them at `due`. They get a row when at_hand is
  // about to name its jobs no longer, so mostly not with each commit.
  struct Group {
    WallTime due{};
    std::vector<JobId> jobs;
  };

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

  // Whether a record may speak of a job whose row is in a feed still.
  template <class R>
  [[nodiscard]] bool is_after_feeds(const R& record) const;
  void insert_feeds();
  [[nodiscard]] bool may_be_recent();
  void keep_recent();
  void taken_in(const JobSpec& spec);
  [[nodiscard]] std::optional<std::uint64_t> sequence_of(const JobId& id);

  [[nodiscard]] bool claim_unique(const JobSpec& spec, std::optional<WallTime> until, WallTime now);
  void release_unique(const JobSpec& spec);
  void started(const JobSpec& spec);
  void put_in_line(const JobSpec& spec);
  void put_in_schedule(const JobSpec& spec, WallTime due);
  [[nodiscard]] std::optional<Place> leave(const JobSpec& spec);
  [[nodiscard]] JobStanding standing_of(const JobSpec& spec, bool has_standing);
  void set_standing(const JobSpec& spec, const JobStanding& standing);
  void count_in(const JobSpec& spec, JobState state);
  void move(const JobSpec& spec, JobState from, JobState to);
  void forget_at(const JobId& id, WallTime at);
  void write_groups(std::uint64_t number);
  void forget_groups(WallTime now, std::size_t limit, std::vector<Dropped>& dropped);
  [[nodiscard]] std::optional<Dropped> drop(const JobId& id, std::optional<WallTime> now);
  [[nodiscard]] bool forget_group(WallTime due, std::uint64_t number, const std::vector<JobId>& jobs, WallTime now,
                                  std::size_t limit, std::vector<Dropped>& dropped);

  AtHand& at_hand_;
  SqliteQueues& queues_;
  SqliteReader& reader_;
  RowReader rows_;
  Counters counters_;
  std::vector<Duplicate> duplicates_;
  std::map<std::int64_t, Group> groups_;  // by second
  std::size_t in_groups_ = 0;
  bool are_groups_due_ = false;  // they are to be written with this commit
  // The newest rows: those of earlier commits, which are in recent_ too, then those of this one.
  RowFeed accepted_rows_;
  RowFeed finished_rows_;
  std::string recent_;
  std::vector<const JobAccepted*> accepted_;  // the last ones in accepted_rows_: of this commit
  std::size_t recent_finished_ = 0;           // of finished_rows_

  Statement select_counters_;
  Statement update_store_;
  Statement insert_job_;
  Statement insert_accepted_;
  Statement sequence_of_;
  Statement delete_job_;
  Statement set_standing_;
  Statement insert_finished_;
  Statement delete_standing_;
  Statement insert_at_hand_;
  Statement delete_at_hand_;
  Statement insert_line_;
  Statement delete_line_;
  Statement insert_schedule_;
  Statement delete_schedule_;
  Statement insert_expiring_;
  Statement delete_expiring_;
  Statement insert_failed_;
  Statement delete_failed_;
  Statement claim_unique_;
  Statement unique_owner_;
  Statement release_unique_;
  Statement find_finished_;
  Statement next_group_;
  Statement insert_group_;
  Statement update_group_;
  Statement delete_group_;
  Statement insert_consumer_;
  Statement delete_consumer_;
};

}  // namespace zebu::broker
