#pragma once

#include "broker/engine/jobs/queue.h"

#include <array>
#include <unordered_map>
#include <vector>

namespace zebu::broker {

// Finished durable jobs that are in memory, for those who ask at once; the store has them all. More of them would only
// push what is under way out of the processor's cache.
inline constexpr std::size_t kDurableKept = 1000;

// Jobs, lines, queues and their places, and nothing of clients and consumers. Keeps counts by state; checks every edge
// of a job's life. Of durable jobs that are in the store only, it has the counts.
class JobTable {
 public:
  // on_line_gone is called before a line goes.
  explicit JobTable(std::function<void(Line&)> on_line_gone) : on_line_gone_(std::move(on_line_gone)) {}
  ~JobTable();
  JobTable(const JobTable&) = delete;
  JobTable& operator=(const JobTable&) = delete;

  [[nodiscard]] Job* find(const JobId& id);
  [[nodiscard]] const Job* find(const JobId& id) const;
  [[nodiscard]] Queue* find_queue(std::string_view name);
  [[nodiscard]] const Queue* find_queue(std::string_view name) const;
  Queue& queue(std::string_view name);
  // Forgets the queue when nothing is in it and no consumer serves it.
  void release_if_idle(Queue& queue);

  Line& line(const JobSpec& spec);
  Line& line(Queue& queue, const JobSpec& spec);  // the same, when the queue is at hand
  Line& line(const LineName& name);
  [[nodiscard]] Line* find_line(const LineName& name);
  [[nodiscard]] std::size_t lines() const { return lines_; }
  // Forgets lines that have had no job since the last call. One that gets jobs all the time, a few at once, stays.
  void release_idle_lines();
  // Its next job may be another one.
  void touch(Line& line) { touched_.add(line); }
  // A line that was touched since it was last returned here; null: none.
  [[nodiscard]] Line* take_touched() { return touched_.take_last(); }

  // A new job that is counted and linked nowhere yet, queued or scheduled.
  Job& add(SharedSpec spec);
  // A job that was counted before, when it left memory or by restore_counts().
  Job& add_stored(const StoredJob& job);
  // One that is finished, not counted again.
  Job& add_finished(const StoredJob& job);
  // Counts a job that stays in the store only.
  void count_in(const JobSpec& spec);
  // Takes a job away that turned out not to be there, in memory or not.
  void count_out(const JobSpec& spec);
  void restore_counts(const Recovered& recovered);

  // Links a job where its state wants it: queued in its line, scheduled in the schedule, and both among the
  // deadlines.
  void link(Job& job);
  // Links it into a list: that of the fresh jobs, a consumer's, ….
  static void link(Job& job, JobList& list, Place place);
  // Unlinks it, and forgets it without another trace: the store has it.
  void drop(Job& job);

  // The edges. What is linked is unlinked first.
  void start(Job& job, JobList& list);
  // running → queued or (with due) scheduled; to be linked, or dropped, by the caller.
  void put_back(Job& job);
  void reschedule(Job& job, WallTime due);
  // scheduled → queued; likewise.
  void make_due(Job& job);
  // Any → final, into the list of finished ones.
  void finish(Job& job, SharedOutcome outcome, WallTime now);

  // Of a job that is not finished when it is to end, of a finished one when it is to be forgotten.
  void set_deadline(Job& job, WallTime deadline);
  void clear_deadline(Job& job);

  // Forgets the oldest finished jobs: of durable ones until at most kDurableKept and `jobs` are left, of transient ones
  // until `jobs` are; of both until they have at most `bytes`, durable ones first. No durable one of a batch after
  // `settled`, because the store does not know its outcome yet.
  void trim_finished(std::size_t jobs, std::size_t bytes, BatchNumber settled);
  // Forgets finished jobs whose deadline has come.
  void forget_due(WallTime now);
  // Forgets transient jobs that were finished by then, but those with a deadline of their own.
  void forget_transient(WallTime finished);
  // Forgets a finished job now.
  void forget(Job& job);

  [[nodiscard]] std::uint64_t count(JobState state) const { return counts_[static_cast<std::size_t>(state)]; }
  void uncount(JobState state, std::uint64_t jobs) { counts_[static_cast<std::size_t>(state)] -= jobs; }
  [[nodiscard]] const std::map<std::string, std::unique_ptr<Queue>, std::less<>>& queues() const { return queues_; }
  [[nodiscard]] const std::unordered_map<JobId, Job>& in_memory() const { return jobs_; }
  [[nodiscard]] std::uint64_t next_sequence() const { return next_sequence_; }
  [[nodiscard]] std::uint64_t take_sequence() { return next_sequence_++; }
  [[nodiscard]] Schedule& schedule() { return schedule_; }
  [[nodiscard]] Deadlines& deadlines() { return deadlines_; }
  [[nodiscard]] const Schedule& schedule() const { return schedule_; }
  [[nodiscard]] const Deadlines& deadlines() const { return deadlines_; }
  [[nodiscard]] const Deadlines& forgetting() const { return forgetting_; }
  [[nodiscard]] JobList& fresh() { return fresh_; }
  [[nodiscard]] Window<ScheduleKey>& schedule_window() { return schedule_window_; }
  [[nodiscard]] const Window<ScheduleKey>& schedule_window() const { return schedule_window_; }

 private:
  struct Finished {
    JobList jobs;  // oldest first
    std::size_t bytes = 0;
  };

  void move(Job& job, JobState to);
  void unlink(Job& job);
  void link_finished(Job& job);
  [[nodiscard]] Deadlines& deadlines_of(const Job& job) { return is_final(job.state) ? forgetting_ : deadlines_; }
  [[nodiscard]] Finished& finished_like(const Job& job) {
    return job.is_transient() ? transient_finished_ : durable_finished_;
  }
  // Adds (+1) or takes away (-1) a waiting job in the counts of its queue.
  static void count_waiting(Queue& queue, const JobSpec& spec, JobState state, int by);
  Job& insert(SharedSpec spec, JobState state);
  void erase(Line& line);

  std::unordered_map<JobId, Job> jobs_;
  std::map<std::string, std::unique_ptr<Queue>, std::less<>> queues_;
  std::unordered_map<std::string_view, Queue*> queues_by_name_;  // the same, found faster
  std::function<void(Line&)> on_line_gone_;
  std::size_t lines_ = 0;
  Line* last_line_ = nullptr;  // that line() found last: mostly the next one too
  LineList<&Line::touched> touched_;
  LineList<&Line::emptied> emptied_;  // may be idle
  Schedule schedule_;
  Window<ScheduleKey> schedule_window_;
  Deadlines deadlines_;   // of jobs that are not finished
  Deadlines forgetting_;  // of finished ones
  JobList fresh_;
  Finished transient_finished_;
  Finished durable_finished_;
  std::array<std::uint64_t, kJobStates> counts_{};
  std::uint64_t next_sequence_ = 1;
};

}  // namespace zebu::broker
