#pragma once

#include "zebu/registry.h"
#include "zebu/wire/message.h"

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace zebu::consumer {

// How long an attempt may run, from when its task starts.
struct TimeLimits {
  std::optional<std::chrono::milliseconds> soft;  // then its token fires
  std::optional<std::chrono::milliseconds> hard;  // then it is ended
};

// An assigned attempt that has not ended.
struct Job {
  AttemptId id;
  const Task* task = nullptr;
  std::string queue;
  std::string args;
  TimeLimits limits;
  std::vector<Header> headers;
};

// An attempt that has ended.
struct Finished {
  AttemptId id;
  Outcome outcome;
};

// What a running attempt said of itself since the last time.
struct Told {
  AttemptId id;
  Progress progress;
};

// So long a slot waits before it asks a task that tells something what else there is.
inline constexpr std::chrono::milliseconds kToldPause{100};

// What runs, and since when.
struct Running {
  AttemptId id;
  TimePoint since;
};

// From and to the wire; of the options the ones that matter to who runs the job.
[[nodiscard]] Job job_of(const message::Assignment& assignment, const Task* task);
[[nodiscard]] message::Assignment assignment_of(const Job& job);
[[nodiscard]] message::ProgressReport report_of(const AttemptId& id, const Progress& progress);

class Slot;

// Called in the loop.
struct SlotEvents {
  std::function<void(Slot&, std::vector<Finished>)> finished;
  // Jobs that the slot does not have any longer and that have not started: given back, or lost with its process. May be
  // called from inside of recall().
  std::function<void(Slot&, std::vector<Job>)> returned;
  // Of an attempt that has not finished yet.
  std::function<void(Told)> told;
  // The slot can take jobs again.
  std::function<void()> ready;
};

// What runs jobs, one at a time. One thread calls it: the loop's.
class Slot {
 public:
  virtual ~Slot() = default;

  // False while there is nothing to run jobs with: no process, or a thread that an overdue job still holds.
  [[nodiscard]] virtual bool is_alive() const = 0;
  // How many more jobs it takes now.
  [[nodiscard]] virtual std::size_t room() const = 0;
  // Jobs that were given and have not come back by an event.
  [[nodiscard]] virtual std::size_t load() const = 0;
  // Runs these, at most room(), after the ones that it has, in order.
  virtual void give(std::vector<Job> jobs) = 0;
  // Asks for what has not started: it comes back by `returned`. A job is never both returned and run.
  virtual void recall() = 0;
  // Ends an attempt, if it lies here: it comes back by `finished`.
  virtual void stop(const AttemptId& id) = 0;
  // Appends all attempts that lie here.
  virtual void list(std::vector<AttemptId>& into) const = 0;
};

}  // namespace zebu::consumer
