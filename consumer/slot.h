#pragma once

#include <zebu/registry.h>

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace zebu::consumer {

// An assigned attempt that has not ended.
struct Job {
  AttemptId id;
  const Task* task = nullptr;
  std::string queue;
  std::string args;
};

// An attempt that has ended.
struct Finished {
  AttemptId id;
  Outcome outcome;
};

class Slot;

// Called in the loop.
struct SlotEvents {
  std::function<void(Slot&, std::vector<Finished>)> finished;
  // Jobs that the slot does not have any longer: given back unstarted, or lost with its process. May be called from
  // inside of recall().
  std::function<void(Slot&, std::vector<Job>)> returned;
  // The slot can take jobs again.
  std::function<void()> ready;
};

// What runs jobs, one at a time. One thread calls it: the loop's.
class Slot {
 public:
  virtual ~Slot() = default;

  // False while there is nothing to run jobs with.
  [[nodiscard]] virtual bool can_take() const = 0;
  // Jobs that were given and have not come back by an event.
  [[nodiscard]] virtual std::size_t load() const = 0;
  // Runs these after the ones that it has, in order.
  virtual void give(std::vector<Job> jobs) = 0;
  // Asks for what has not started: it comes back by `returned`. A job is never both returned and run.
  virtual void recall() = 0;
  // Ends an attempt, if it lies here: it comes back by `finished`.
  virtual void stop(const AttemptId& id) = 0;
  // Appends all attempts that lie here.
  virtual void list(std::vector<AttemptId>& into) const = 0;
};

}  // namespace zebu::consumer
