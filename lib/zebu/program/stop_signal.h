#pragma once

#include <csignal>
#include <optional>

namespace zebu {

// SIGTERM, SIGINT and SIGHUP as a descriptor that becomes readable. SIGHUP is left out where it was ignored at the
// start, as by nohup. Create it in main before any thread starts, because it blocks the signals in its thread and in
// all that start later. It also ignores SIGPIPE and SIGXFSZ, and SIGUSR1 and SIGUSR2, which mean nothing yet.
class StopSignal {
 public:
  StopSignal();
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  [[nodiscard]] int descriptor() const { return descriptor_; }
  // The number of a signal that has come, which the descriptor then no longer shows; unset: none.
  [[nodiscard]] std::optional<int> take() const;
  // The program is stopping: the next SIGTERM or SIGINT ends it at once. Takes the signal that has come; returns its
  // number. A further SIGHUP does nothing: a terminal that closes may send several.
  std::optional<int> let_next_one_kill() const;

 private:
  sigset_t signals_{};
  int descriptor_;
};

// Raises this process's limit of open files to the hard limit, and returns the new limit.
unsigned long raise_open_files();

}  // namespace zebu
