#pragma once

#include "broker/engine/jobs/job_index.h"
#include "broker/engine/jobs/queue.h"

#include <array>
#include <unordered_map>
#include <vector>

namespace zebu::broker {

// Finished durable jobs that stay in memory for requests soon after; the store has all of them. More would only evict
// unfinished jobs from the processor's cache.
inline constexpr std::size_t kDurableKept = 1000;

// Jobs, lines and queues; it knows no clients and consumers. Counts jobs by state, and checks every transition of a
// job. Durable jobs that are in the store only are included in the counts.
class JobTable {
 public:
  // on_line_gone is called before a line goes. series: as for Counts.
  explicit JobTable(std::function<void(Line&)> on_line_gone, std::uint64_t series = 0)
      : event_counts_(series), on_line_gone_(std::move(on_line_gone)) {}
  ~JobTable();
  JobTable(const JobTable&) = delete;
  JobTable& operator=(const JobTable&) = delete;

  [[nodiscard]] Job* find(const JobId& id) { return jobs_.find(id); }
  [[nodiscard]] const Job* find(const JobId& id) const { return jobs_.find(id); }
  [[nodiscard]] Queue* find_queue(std::string_view name);
  [[nodiscard]] const Queue* find_queue(std::string_view name) const;
  Queue& queue(std::string_view name);
  // Forgets the queue if it is empty and no consumer serves it.
  void release_if_idle(Queue& queue);

  Line& line(const JobSpec& spec);
  Line& line(Queue& queue, const JobSpec& spec);  // the same, if the caller has the queue
  Line& line(const LineName& name);
  // Where the job waits: suspects (Job::is_suspect) have lines of their own, which are in memory only.
  Line& line(const Job& job);
  [[nodiscard]] Line* find_line(const LineName& name);
  [[nodiscard]] std::size_t lines() const { return lines_; }
  // Forgets lines that have had no job since the last call. One that gets jobs all the time, a few at once, stays.
  void release_idle_lines();
  // Its next job may be another one.
  void touch(Line& line) { touched_.add(line); }
  // A line that was touched since it was last returned here; null: none.
  [[nodiscard]] Line* take_touched() { return touched_.take_last(); }

  // How far the wall clock is ahead of the broker's own time, and what that makes of the times that a job was submitted
  // with.
  void set_clock_ahead(std::chrono::milliseconds ahead) { clock_ahead_ = ahead; }
  [[nodiscard]] std::chrono::milliseconds clock_ahead() const { return clock_ahead_; }
  [[nodiscard]] WallTime due_of(const JobSpec& spec) const {
    return spec.is_due_by_wall ? *spec.due - clock_ahead_ : *spec.due;
  }
  [[nodiscard]] WallTime expiry_of(const JobSpec& spec) const {
    return spec.is_expiry_by_wall ? *spec.expires - clock_ahead_ : *spec.expires;
  }

  // Adds a new job, queued or scheduled. It is counted, but not linked yet.
  Job& add(SharedSpec spec);
  // Adds a job that is counted already: it had left memory, or restore_counts() counted it.
  Job& add_stored(const StoredJob& job);
  // The same for a finished job.
  Job& add_finished(const StoredJob& job);
  // Counts a job that stays in the store only.
  void count_in(const JobSpec& spec);
  // Removes a job, in memory or not, that turned out not to exist.
  void count_out(const JobSpec& spec);
  void restore_counts(const Recovered& recovered);

  // Links a job according to its state: a queued one in its line, a scheduled one in the schedule, both among the
  // deadlines.
  void link(Job& job);
  void unlink(Job& job);
  // Links it into a list: that of the fresh jobs, of a consumer, ….
  static void link(Job& job, JobList& list, Place place);
  // Unlinks and forgets a job that the store has.
  void drop(Job& job);

  // The transitions. They unlink the job first.
  void start(Job& job, JobList& list);
  // running, and nobody has it for now: into another list.
  void orphan(Job& job, JobList& list);
  // running → queued or (with due) scheduled; to be linked, or dropped, by the caller.
  void put_back(Job& job);
  void reschedule(Job& job, WallTime due);
  // scheduled → queued; likewise.
  void make_due(Job& job);
  // Any → final, into the list of finished ones.
  void finish(Job& job, SharedOutcome outcome, WallTime now);

  // The deadline of an unfinished job is when it must end, that of a finished one when it is forgotten.
  void set_deadline(Job& job, WallTime deadline);
  void clear_deadline(Job& job);

  // Forgets the oldest finished jobs, until at most min(kDurableKept, `jobs`) durable ones and `jobs` transient ones
  // are left, and both together have at most `bytes`; durable ones go first. Keeps durable ones of batches after
  // `settled`, because the store does not have their outcomes yet.
  void trim_finished(std::size_t jobs, std::size_t bytes, BatchNumber settled);
  // Forgets finished jobs whose deadline has come, up to `most`.
  void forget_due(WallTime now, std::size_t most);
  // Forgets transient jobs that had finished by then, except those with their own deadline.
  void forget_transient(WallTime finished);
  // Forgets a finished job now.
  void forget(Job& job);

  [[nodiscard]] Counts& counts() { return event_counts_; }
  [[nodiscard]] const Counts& counts() const { return event_counts_; }
  [[nodiscard]] std::uint64_t count(JobState state) const { return counts_[static_cast<std::size_t>(state)]; }
  void uncount(JobState state, std::uint64_t jobs) { counts_[static_cast<std::size_t>(state)] -= jobs; }
  [[nodiscard]] const std::map<std::string, std::unique_ptr<Queue>, std::less<>>& queues() const { return queues_; }
  [[nodiscard]] const JobIndex& in_memory() const { return jobs_; }
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
  void link_finished(Job& job);
  [[nodiscard]] Deadlines& deadlines_of(const Job& job) { return is_final(job.state) ? forgetting_ : deadlines_; }
  [[nodiscard]] Finished& finished_like(const Job& job) {
    return job.is_transient() ? transient_finished_ : durable_finished_;
  }
  // Adds (+1) or removes (-1) a waiting job in the counts of its queue.
  static void count_waiting(Queue& queue, const JobSpec& spec, JobState state, int by);
  Job& insert(SharedSpec spec, JobState state);
  void erase(Line& line);

  JobIndex jobs_;
  Counts event_counts_;
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
  std::chrono::milliseconds clock_ahead_{0};
};

}  // namespace zebu::broker
