#pragma once

#include "zebu/registry.h"
#include "zebu/wire/message.h"

#include <boost/container/deque.hpp>

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace zebu::consumer {

// How long an attempt may run, counted from the start of its task.
struct TimeLimits {
  std::optional<std::chrono::milliseconds> soft;  // after this, its token fires
  std::optional<std::chrono::milliseconds> hard;  // after this, it is ended
};

// A line of large elements. std::deque would allocate for every second one.
template <class T>
using BlockDeque =
    boost::container::deque<T, void, boost::container::deque_options<boost::container::block_bytes<4096>>::type>;

// An assigned attempt that has not ended.
struct Job {
  AttemptId id;
  const Task* task = nullptr;
  std::string queue;
  std::string args;
  TimeLimits limits;
  std::vector<Header> headers;
  std::string kwargs = {};
  message::Tries tries = {};
  std::uint32_t retries = 0;  // that its submitter allows
};

// An attempt that has ended.
struct Finished {
  AttemptId id;
  Outcome outcome;
  const Task* task = nullptr;  // null: this consumer does not know it, or the job could not be read
};

using JobLine = BlockDeque<Job>;

// A running attempt's progress since its previous update.
struct ProgressUpdate {
  AttemptId id;
  Progress progress;
};

// A slot forwards the progress of its task at most this often.
inline constexpr std::chrono::milliseconds kProgressInterval{100};

// The attempt that runs, and its start.
struct Running {
  AttemptId id;
  TimePoint since;
};

// Conversions from and to the wire. Only the options that matter to a running job are kept.
[[nodiscard]] Job job_of(const message::Assignment& assignment, const Task* task);
[[nodiscard]] message::Assignment assignment_of(const Job& job);
[[nodiscard]] message::ProgressReport report_of(const AttemptId& id, const Progress& progress);
[[nodiscard]] ProgressUpdate update_of(const message::ProgressReport& report);

class Slot;

// Called in the loop.
struct SlotEvents {
  std::function<void(Slot&, std::vector<Finished>)> finished;
  // Jobs that have left the slot without having started: recalled, or lost with its process. May be called inside
  // recall().
  std::function<void(Slot&, std::vector<Job>)> returned;
  // Progress of an attempt that has not finished yet.
  std::function<void(ProgressUpdate)> progress;
  // The slot can take jobs again.
  std::function<void()> ready;
  // The process of a slot has ended by itself, or was killed.
  std::function<void(bool was_killed)> died = nullptr;
};

// Runs jobs, one at a time. Called by one thread, the loop's.
class Slot {
 public:
  virtual ~Slot() = default;

  // False while the slot cannot run jobs: it has no process, or an overdue job still holds its thread.
  [[nodiscard]] virtual bool is_alive() const = 0;
  // How many more jobs it takes now.
  [[nodiscard]] virtual std::size_t room() const = 0;
  // Jobs that were given to the slot and have not been reported finished or returned.
  [[nodiscard]] virtual std::size_t load() const = 0;
  // Queues these jobs, at most room(), behind the ones that the slot has. They run in order.
  virtual void give(std::vector<Job> jobs) = 0;
  // Takes back the jobs that have not started: `returned` reports them. A job is never both returned and run.
  virtual void recall() = 0;
  // Ends the attempt if the slot has it: `finished` reports it.
  virtual void stop(const AttemptId& id) = 0;
  // Ends all attempts that the slot has, and reports none of them. Those that had ended before are reported first.
  virtual void abandon() = 0;
  // An abandoned task still runs: a thread cannot be killed.
  [[nodiscard]] virtual bool runs_abandoned() const { return false; }
  // Appends all attempts that the slot has.
  virtual void list(std::vector<AttemptId>& into) const = 0;
};

}  // namespace zebu::consumer
