#pragma once

#include "broker/engine/batches.h"
#include "broker/engine/engine_options.h"
#include "broker/engine/jobs/claim.h"
#include "broker/engine/jobs/job_table.h"
#include "broker/records/reads.h"

#include <unordered_map>
#include <variant>
#include <vector>

namespace zebu::broker {

// Why a job that is not in memory was looked up.
struct WaitFor {
  SessionId session;
};
struct CancelIt {
  std::optional<SessionId> from;  // who is to hear of it; unset: nobody
  JobId asked;                    // by this id; another job's if that one was attached to this
};
using Lookup = std::variant<WaitFor, Claim, CancelIt>;

// Which part of the durable jobs is in memory: a window of each line, and one of the schedule. It reads more from the
// store and takes the answers. Only this class knows where a window ends and which jobs have just left memory. The
// engine decides what the coming or leaving of a job means for others.
//
// A read sees every decision that precedes its request, because it runs after their commit. A later decision within the
// range of a pending read moves the window's end back.
class Backlog {
 public:
  Backlog(JobTable& jobs, const Batches& batches, const EngineOptions& options)
      : jobs_(jobs), batches_(batches), window_(options.window) {}

  // After a restart: these lines, and the schedule if it has jobs, are in the store.
  void restore(const std::vector<LineName>& lines, bool has_scheduled);

  // ── lines
  // A held line (paused, or served by no consumer) has a small window if there are many lines.
  void hold(Line& line, bool is_held);
  [[nodiscard]] bool is_held(const Line& line) const { return line.is_held; }
  // From now on, the job at `key` is in the store only.
  void left(Line& line, const LineKey& key);
  void left_schedule(const ScheduleKey& key) { jobs_.schedule_window().leave(key); }
  // A job that has to leave memory because its line or the schedule has too many; null if there is none.
  [[nodiscard]] Job* surplus(Line& line) const;
  [[nodiscard]] Job* surplus_of_schedule();
  // Jobs went out of the line: it may want more.
  void note(Line& line) { noted_.add(line); }

  // ── memory
  // The job leaves memory: the answer to an earlier read may have an outdated place for it.
  void job_left(const Job& job);
  [[nodiscard]] bool has_just_left(const JobId& id) const { return just_left_.contains(id); }
  void settled();

  // ── reads
  // Requests jobs for windows that have room, and the next part of a sweep.
  void page(std::vector<Read>& out);
  // Moves the ends of the windows. Null: the line is gone.
  [[nodiscard]] Line* loaded(const QueuedLoaded& loaded);
  void loaded(const ScheduledLoaded& loaded);
  // The loaded job has been submitted again and is fresh. The store will report it as a duplicate, and then it is
  // loaded again.
  void load_again(const StoredJob& stored);

  // Requests a job that is not in memory. One read serves all requests of a round.
  void look_up(const JobId& id, Lookup lookup, std::vector<Read>& out);
  // The store has answered.
  [[nodiscard]] std::vector<Lookup> take_lookups(const JobId& id);

  // ── sweeping the schedule in the store for jobs that are to be purged, which would otherwise be met at their time
  void sweep(ScheduleKey from);
  // A part has arrived. Returns whether there is more.
  [[nodiscard]] bool swept(const ScheduledLoaded& loaded);
  void end_sweep() { sweep_.reset(); }
  [[nodiscard]] bool is_sweeping() const { return sweep_.has_value(); }

  // Whether any durable job that waits may be in the store only.
  [[nodiscard]] bool has_stored() const;

 private:
  [[nodiscard]] std::size_t most(const Line& line) const;

  JobTable& jobs_;
  const Batches& batches_;
  std::size_t window_;
  std::size_t held_lines_ = 0;
  LineList<&Line::noted> noted_;
  std::unordered_map<JobId, BatchNumber> just_left_;  // with a batch that no read has seen yet
  std::unordered_map<JobId, std::vector<Lookup>> lookups_;
  std::optional<ScheduleKey> sweep_;        // where to look next
  std::optional<ScheduleKey> sweep_again_;  // from there, when the look under way is over
  bool is_looking_ = false;
};

}  // namespace zebu::broker
