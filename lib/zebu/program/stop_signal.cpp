#include "zebu/program/stop_signal.h"

#include <sys/resource.h>
#include <sys/signalfd.h>

#include <cstdlib>
#include <unistd.h>

namespace zebu {
namespace {

bool is_ignored(int signal) {
  struct sigaction action {};
  return ::sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

}  // namespace

StopSignal::StopSignal() {
  sigemptyset(&signals_);
  sigaddset(&signals_, SIGINT);
  sigaddset(&signals_, SIGTERM);
  if (!is_ignored(SIGHUP)) sigaddset(&signals_, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);  // a write beyond the file size limit fails like one to a full disk
  std::signal(SIGUSR1, SIG_IGN);
  std::signal(SIGUSR2, SIG_IGN);
  descriptor_ = signalfd(-1, &signals_, SFD_CLOEXEC | SFD_NONBLOCK);
  if (descriptor_ < 0) std::abort();
}

StopSignal::~StopSignal() { ::close(descriptor_); }

std::optional<int> StopSignal::take() const {
  signalfd_siginfo info{};
  if (::read(descriptor_, &info, sizeof info) != sizeof info) return std::nullopt;
  return static_cast<int>(info.ssi_signo);
}

std::optional<int> StopSignal::let_next_one_kill() const {
  const auto taken = take();
  sigset_t deadly;
  sigemptyset(&deadly);
  sigaddset(&deadly, SIGINT);
  sigaddset(&deadly, SIGTERM);
  pthread_sigmask(SIG_UNBLOCK, &deadly, nullptr);
  return taken;
}

unsigned long raise_open_files() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  getrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur;
}

}  // namespace zebu
