#include "consumer/slots/process/process_state.h"

#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/time.h>

#include <algorithm>
#include <clocale>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <locale.h>
#include <unistd.h>

extern char** environ;

namespace zebu::consumer {
namespace {

bool is_same(const struct sigaction& a, const struct sigaction& b) {
  return a.sa_handler == b.sa_handler && a.sa_flags == b.sa_flags &&
         std::memcmp(&a.sa_mask, &b.sa_mask, sizeof(std::uint64_t)) == 0;
}

bool is_same(const rlimit& a, const rlimit& b) { return a.rlim_cur == b.rlim_cur && a.rlim_max == b.rlim_max; }

// Handlers of these are for the runtime of a language rather than for a task, and it would not live without them.
bool is_of_runtimes(int signal) {
  return signal == SIGSEGV || signal == SIGBUS || signal == SIGILL || signal == SIGFPE || signal == SIGTRAP;
}

std::size_t environment_size() {
  std::size_t size = 0;
  while (environ != nullptr && environ[size] != nullptr) ++size;
  return size;
}

}  // namespace

ProcessState::ProcessState() {
  ::pthread_sigmask(SIG_SETMASK, nullptr, &mask_);
  for (int i = 1; i < kSignals; ++i) ::sigaction(i, nullptr, &actions_[static_cast<std::size_t>(i)]);
  umask_ = ::umask(0);
  ::umask(umask_);
  struct stat here {};
  std::error_code error;
  directory_ = std::filesystem::current_path(error).string();
  if (::stat(".", &here) == 0) {
    directory_device_ = here.st_dev;
    directory_inode_ = here.st_ino;
  }
  environment_.assign(environ, environ + environment_size());
  environment_.push_back(nullptr);
  c_locale_ = std::setlocale(LC_ALL, nullptr);
  std::fegetenv(&rounding_);
  for (std::size_t i = 0; i < limits_.size(); ++i) ::getrlimit(static_cast<__rlimit_resource_t>(i), &limits_[i]);
  nice_ = ::getpriority(PRIO_PROCESS, 0);
  user_ = ::geteuid();
  group_ = ::getegid();
}

ProcessState::Restored ProcessState::restore() {
  Restored restored;
  restore_signals(restored);
  restore_files(restored);
  restore_environment(restored);
  restore_limits(restored);
  check_identity(restored);
  return restored;
}

// A timer that goes on would send its signal to the next job.
void ProcessState::restore_signals(Restored& restored) {
  for (const auto timer : {ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF}) {
    const itimerval off{};
    itimerval was{};
    ::setitimer(timer, &off, &was);
    if (was.it_value.tv_sec != 0 || was.it_value.tv_usec != 0) restored.is_changed = true;
  }
  for (int i = 1; i < kSignals; ++i) {
    const auto& wanted = actions_[static_cast<std::size_t>(i)];
    struct sigaction now {};
    if (is_of_runtimes(i) || ::sigaction(i, nullptr, &now) != 0 || is_same(now, wanted)) continue;
    restored.is_changed = true;
    ::sigaction(i, &wanted, nullptr);
  }
  sigset_t mask{};
  ::pthread_sigmask(SIG_SETMASK, &mask_, &mask);
  if (std::memcmp(&mask, &mask_, sizeof(std::uint64_t)) != 0) restored.is_changed = true;
}

void ProcessState::restore_files(Restored& restored) {
  if (::umask(umask_) != umask_) restored.is_changed = true;
  struct stat here {};
  const auto is_there = [&] {
    return ::stat(".", &here) == 0 && here.st_dev == directory_device_ && here.st_ino == directory_inode_;
  };
  if (is_there()) return;
  restored.is_changed = true;
  if (::chdir(directory_.c_str()) != 0 || !is_there()) restored.damage = "left its working directory, which is gone";
}

void ProcessState::restore_environment(Restored& restored) {
  const std::size_t size = environment_size();
  if (size + 1 != environment_.size() || !std::equal(environ, environ + size, environment_.begin())) {
    restored.is_changed = true;
    // A copy, because setenv() writes into the array that it finds.
    static std::vector<char*> array;
    array = environment_;
    environ = array.data();
  }
  if (::uselocale(nullptr) != LC_GLOBAL_LOCALE) {
    restored.is_changed = true;
    ::uselocale(LC_GLOBAL_LOCALE);
  }
  if (const std::locale now; !(now == locale_)) {
    restored.is_changed = true;
    std::locale::global(locale_);
  }
  if (const char* now = std::setlocale(LC_ALL, nullptr); now == nullptr || c_locale_ != now) {
    restored.is_changed = true;
    std::setlocale(LC_ALL, c_locale_.c_str());
  }
  if (std::fenv_t now; std::fegetenv(&now) == 0) {
    const int rounding = std::fegetround();
    std::fesetenv(&rounding_);
    if (std::fegetround() != rounding) restored.is_changed = true;
  }
}

void ProcessState::restore_limits(Restored& restored) {
  for (std::size_t i = 0; i < limits_.size(); ++i) {
    const auto resource = static_cast<__rlimit_resource_t>(i);
    rlimit now{};
    if (::getrlimit(resource, &now) != 0 || is_same(now, limits_[i])) continue;
    restored.is_changed = true;
    if (::setrlimit(resource, &limits_[i]) != 0) restored.damage = "lowered a hard limit of its process (setrlimit)";
  }
  if (::getpriority(PRIO_PROCESS, 0) == nice_) return;
  restored.is_changed = true;
  if (::setpriority(PRIO_PROCESS, 0, nice_) != 0) restored.damage = "lowered the priority of its process (nice)";
}

void ProcessState::check_identity(Restored& restored) const {
  int is_subreaper = 0;
  ::prctl(PR_GET_CHILD_SUBREAPER, &is_subreaper);
  if (::geteuid() != user_ || ::getegid() != group_) restored.damage = "changed the user or group of its process";
  if (is_subreaper == 0) restored.damage = "changed what is done with orphans (PR_SET_CHILD_SUBREAPER)";
  if (::getpgrp() != ::getpid()) restored.damage = "moved its process to another process group";
  if (restored.damage) restored.is_changed = true;
}

}  // namespace zebu::consumer
