#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <array>
#include <cfenv>
#include <csignal>
#include <locale>
#include <optional>
#include <string>
#include <vector>

namespace zebu::consumer {

// What a task may change of its process, and what the next task is to find as it was: signal handlers and the mask of
// its thread, timers, the working directory, the umask, the environment, the locale, the rounding of floating-point
// numbers, and limits. One thread: the one that runs tasks.
class ProcessState {
 public:
  // Remembers how everything is now.
  ProcessState();

  struct Restored {
    bool is_changed = false;              // something was not as it was
    std::optional<std::string> damage{};  // and this cannot be put back
  };
  [[nodiscard]] Restored restore();

 private:
  void restore_signals(Restored& restored);
  void restore_files(Restored& restored);
  void restore_environment(Restored& restored);
  void restore_limits(Restored& restored);
  void check_identity(Restored& restored) const;

  static constexpr int kSignals = 32;  // without the real-time ones

  sigset_t mask_{};
  std::array<struct sigaction, kSignals> actions_{};
  mode_t umask_ = 0;
  std::string directory_;
  dev_t directory_device_ = 0;
  ino_t directory_inode_ = 0;
  std::vector<char*> environment_;  // ends with a null pointer
  std::string c_locale_;
  std::locale locale_;
  std::fenv_t rounding_{};
  std::array<rlimit, RLIM_NLIMITS> limits_{};
  int nice_ = 0;
  uid_t user_ = 0;
  gid_t group_ = 0;
};

}  // namespace zebu::consumer
