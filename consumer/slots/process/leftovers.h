#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <vector>

namespace zebu::consumer {

// In a slot's process: the processes that a task started and that still exist when its attempt ends. They are killed
// there, also those that made themselves daemons: the slot's process is their subreaper, so whoever loses its parent
// becomes its child. One thread: the one that runs tasks.
class Leftovers {
 public:
  // Makes this process a subreaper. All functions need that.
  static void become_subreaper();

  // The children that exist now stay: what the hook of the slot's start began, such as a helper process.
  void keep_present();
  struct Ended {
    std::size_t count = 0;
    bool are_all = true;  // false: some did not end in time, or new ones come faster than they are killed
  };
  // Kills and reaps all others. If there is none, that costs one system call.
  [[nodiscard]] Ended end(std::chrono::milliseconds patience);

  // Kills everything below this process, within a bounded time. This and the next one may be called in a signal
  // handler, and by any thread.
  static void kill_below();
  // The consumer is gone: does that, and then kills the group with the process itself.
  [[noreturn]] static void end_all();

 private:
  [[nodiscard]] std::vector<pid_t> find();
  [[nodiscard]] bool has_any();

  std::vector<pid_t> kept_;
};

}  // namespace zebu::consumer
