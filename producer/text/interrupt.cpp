#include "producer/text/interrupt.h"

#include <sys/signalfd.h>

#include <csignal>
#include <cstdlib>
#include <poll.h>
#include <unistd.h>

namespace zebu::producer {
namespace {

// SIGHUP and SIGQUIT only if they are not ignored, as nohup wants it. A shell lets programs in the background ignore
// SIGINT, and who sends it to them by kill means it.
sigset_t ending_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) {
    struct sigaction now {};
    const bool is_ignored = ::sigaction(number, nullptr, &now) == 0 && now.sa_handler == SIG_IGN;
    if (number == SIGINT || number == SIGTERM || !is_ignored) sigaddset(&signals, number);
  }
  return signals;
}

}  // namespace

Interrupt::Interrupt() {
  const sigset_t signals = ending_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  std::signal(SIGUSR1, SIG_IGN);
  std::signal(SIGUSR2, SIG_IGN);
  descriptor_ = Descriptor(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!descriptor_.is_open()) std::abort();
}

bool Interrupt::is_raised() const {
  pollfd watched{descriptor_.get(), POLLIN, 0};
  return ::poll(&watched, 1, 0) > 0;
}

void Interrupt::release() {
  signalfd_siginfo info{};
  while (::read(descriptor_.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
    if (number_ == 0) number_ = static_cast<int>(info.ssi_signo);
  }
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
  const sigset_t signals = ending_signals();
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
}

void Interrupt::hold() {
  const sigset_t signals = ending_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

void Interrupt::die() {
  release();
  if (number_ == 0) number_ = SIGINT;
  ::raise(number_);
  ::_exit(128 + number_);
}

}  // namespace zebu::producer
