#pragma once

#include <zebu/ids.h>

#include <cstdint>
#include <map>
#include <optional>
#include <unordered_map>
#include <vector>

namespace zebu::broker {

// The unfinished jobs that are neither in line nor in the schedule: those that a broker must have in its memory. Per
// commit that adds some of them the file gets one row with their ids, and none of them is taken out of it again: a job
// costs no index entry. A row goes when all of its jobs have left; when few are left they move to the newest row, so
// that a few long jobs do not keep many old rows. What a row still names and what is really at hand differ, so recovery
// looks each job up. This class knows which row has which job. Its size is that of the jobs that the engine has in
// memory.
class AtHand {
 public:
  struct Job {
    std::uint64_t row = 0;
    JobId id;
    bool is_running = false;
    bool has_standing = false;  // the file has a row of it in `standing`
  };
  // Row `number` is to be written with these jobs, rows `gone` are to be deleted.
  struct Changes {
    std::uint64_t number = 0;
    std::vector<JobId> added;
    std::vector<std::uint64_t> gone;
  };

  [[nodiscard]] Job* find(std::uint64_t sequence);
  [[nodiscard]] const Job* find(std::uint64_t sequence) const;
  Job& add(std::uint64_t sequence, const JobId& id);
  // Out of it; nothing when it is not in it.
  std::optional<Job> take(std::uint64_t sequence);

  // What the records since the last call make of the rows.
  [[nodiscard]] Changes settle();

  // For recovery, newest row first: a row with `count` jobs, of which add() and restore_row() name those that are left.
  void restore_row(std::uint64_t number, std::size_t count, std::vector<std::uint64_t> left);
  void restore(std::uint64_t sequence, Job job) { jobs_.emplace(sequence, job); }

 private:
  struct Row {
    std::vector<std::uint64_t> jobs;  // by sequence; some may have left
    std::size_t count = 0;            // when it was written
    std::size_t left = 0;
  };

  // Moves what is left in a row to the newest one.
  void empty(std::uint64_t number);

  std::unordered_map<std::uint64_t, Job> jobs_;
  std::map<std::uint64_t, Row> rows_;
  std::vector<std::uint64_t> thin_;    // rows that lost jobs since the last settle(), and have few left
  std::vector<std::uint64_t> newest_;  // jobs of the row that settle() makes
  std::uint64_t next_row_ = 1;
};

}  // namespace zebu::broker
