#pragma once

#include "consumer/slots/process/leftovers.h"
#include "consumer/slots/process/process_state.h"
#include "zebu/job.h"
#include "zebu/registry.h"

#include <optional>
#include <string>
#include <vector>

namespace zebu::consumer {

// What is done in a slot's process between two attempts, so that the second one does not find what the first one left:
// processes, and a changed state of this process. One thread: the one that runs tasks.
//
// A run that was too short to start a process costs nothing here. The state is compared after a task's first run, after
// each run of a task that has changed something before, and when tasks have run for 1 ms or 4,096 times since the
// comparison before: it takes some twenty microseconds.
class Housekeeping {
 public:
  // How this process is now is how each task will find it. Children that exist now stay.
  void begin();
  // An attempt has ended. False: the process cannot be used for another one.
  [[nodiscard]] bool after_run(const Task& task, TimePoint start, TimePoint end);

 private:
  struct Known {
    const Task* task;
    bool changes_state = false;
    bool leaves_processes = false;
  };
  [[nodiscard]] Known& known(const Task& task);
  [[nodiscard]] bool end_leftovers(Known& task);
  [[nodiscard]] bool restore_state(Known& task);

  Leftovers leftovers_;
  std::optional<ProcessState> state_;
  std::vector<Known> known_;
  std::size_t last_ = 0;        // the one in known_ that ran last
  Clock::duration run_time_{};  // since the state was compared
  std::size_t runs_ = 0;
};

}  // namespace zebu::consumer
