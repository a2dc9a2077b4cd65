#pragma once

#include "zebu/ids.h"

#include <cstdint>
#include <map>
#include <optional>
#include <unordered_map>
#include <vector>

namespace zebu::broker {

// The unfinished jobs that are neither in line nor in the schedule: those that a broker must have in its memory. The
// file has rows with their ids, and none of them is taken out of a row again: a job costs no index entry. The newest
// ids are gathered in a short list, which is written with each commit, until they are a row's worth. A row goes when
// all of its jobs have left; when few are left they move to the list, so that a few long jobs do not keep many old
// rows. The file may still name jobs that have left, so recovery looks each job up. This class knows
// which row has which job. Its size is that of the jobs that the engine has in memory.
class ResidentJobs {
 public:
  struct Job {
    std::uint64_t row = 0;
    JobId id;
    bool is_running = false;
    bool has_status = false;  // the file has a row of it in `status`
  };
  // Row `number` is to be written with these jobs, if there are any; rows `gone` are to be deleted.
  struct Changes {
    std::uint64_t number = 0;
    std::vector<JobId> added;
    std::vector<std::uint64_t> gone;
    bool names_fewer = false;  // jobs that were named, in rows or the list, are no longer
  };

  [[nodiscard]] Job* find(std::uint64_t sequence);
  [[nodiscard]] const Job* find(std::uint64_t sequence) const;
  Job& add(std::uint64_t sequence, const JobId& id);
  // Removes a job; unset when it is not resident.
  std::optional<Job> take(std::uint64_t sequence);

  // The changes of rows that follow from the calls since the last settle().
  [[nodiscard]] Changes settle();
  // The list as it is then.
  [[nodiscard]] std::vector<JobId> newest() const;

  // For recovery: the jobs that are left, each with its row; those of the list count as of `next_row`, which the list
  // will be. A row had `count` jobs, of which `left` are left.
  void restore_newest(std::uint64_t next_row, const std::vector<std::uint64_t>& left);
  void restore_row(std::uint64_t number, std::size_t count, std::vector<std::uint64_t> left);
  void restore(std::uint64_t sequence, Job job) { jobs_.emplace(sequence, job); }

 private:
  struct Row {
    std::vector<std::uint64_t> jobs;  // by sequence; some may have left
    std::size_t count = 0;            // when it was written
    std::size_t left = 0;
  };

  struct Newest {
    std::uint64_t sequence = 0;
    JobId id;
  };

  // Makes a row of the list.
  void add_row(Changes& changes);
  // Moves the jobs that are left in a row to the list.
  void empty(std::uint64_t number);

  std::unordered_map<std::uint64_t, Job> jobs_;
  std::map<std::uint64_t, Row> rows_;
  std::vector<std::uint64_t> thin_;  // rows that lost jobs since the last settle(), and have few left
  std::vector<Newest> newest_;       // the list; some may have left
  std::uint64_t next_row_ = 1;
};

}  // namespace zebu::broker
