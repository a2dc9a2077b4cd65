#include "consumer/slots/process/main.h"

#include "consumer/slots/forked_copy.h"
#include "consumer/slots/process/child.h"
#include "consumer/slots/process/leftovers.h"
#include "consumer/slots/process/slot_process.h"

#include <sys/prctl.h>
#include <sys/resource.h>

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <system_error>
#include <unistd.h>

namespace zebu::consumer {
namespace {

volatile pid_t parent_process = 0;

template <class Number>
Number parsed(const char* text) {
  Number number = 0;
  std::from_chars(text, text + std::strlen(text), number);
  return number;
}

// The parent decides when a slot ends, but a service manager may signal all processes. Empty handlers, because programs
// that a task starts would inherit an ignored signal. SIGCONT is that of the parent's death.
void handle_signal(int) {
  const int before = errno;
  if (::getppid() != parent_process && !is_forked_copy()) Leftovers::end_all();
  errno = before;
}

void install_handlers() {
  struct sigaction action {};
  action.sa_handler = handle_signal;
  action.sa_flags = SA_RESTART;
  sigset_t blocked;  // by the parent, since the start of this process
  sigemptyset(&blocked);
  for (const int signal : kSlotSignals) {
    ::sigaction(signal, &action, nullptr);
    sigaddset(&blocked, signal);
  }
  ::pthread_sigmask(SIG_UNBLOCK, &blocked, nullptr);
}

// The other limits (RLIMIT_AS) also count libraries and unused address space.
bool limit_memory(rlim_t bytes) {
  const rlimit limit{bytes, bytes};
  if (bytes == 0 || ::setrlimit(RLIMIT_DATA, &limit) == 0) return true;
  std::fprintf(stderr, "limiting the memory of a slot's process: %s\n", std::generic_category().message(errno).c_str());
  return false;
}

}  // namespace

std::optional<int> run_as_slot(int argc, char** argv, const Registry& registry) {
  if (argc != 4 || std::string_view(argv[1]) != kSlotArgument) return std::nullopt;
  parent_process = parsed<pid_t>(argv[2]);
  remember_original_process();
  Leftovers::become_subreaper();
  install_handlers();
  ::prctl(PR_SET_PDEATHSIG, SIGCONT);
  if (::getppid() != parent_process) return EXIT_FAILURE;  // it died before the prctl
  if (!limit_memory(parsed<rlim_t>(argv[3]))) return EXIT_FAILURE;
  ::prctl(PR_SET_NAME, "zebu-slot");
  for (const int fd : {kSlotJobs, kSlotOrders, kSlotMark}) ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  auto mark = SharedMark::open(Descriptor(kSlotMark));
  if (!mark) {
    std::fprintf(stderr, "%s\n", mark.error().message.c_str());
    return EXIT_FAILURE;
  }
  SlotProcess(registry, mark->get(), parent_process).run();
}

}  // namespace zebu::consumer
