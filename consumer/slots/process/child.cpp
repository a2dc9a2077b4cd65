#include "consumer/slots/process/child.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <new>
#include <spawn.h>
#include <string.h>

extern char** environ;

namespace zebu::consumer {
namespace {

// Above every number that a child wants, so that moving them there cannot overwrite one that is still needed.
constexpr int kAbove = 10;

tl::unexpected<Error> system_error(const std::string& doing, int error) {
  return fail(ErrorCode::system, doing + ": " + ::strerror(error));
}

Descriptor moved_up(int fd) {
  Descriptor low(fd);
  return Descriptor(::fcntl(low.get(), F_DUPFD_CLOEXEC, kAbove));
}

struct SpawnActions {
  SpawnActions() { posix_spawn_file_actions_init(&value); }
  ~SpawnActions() { posix_spawn_file_actions_destroy(&value); }
  posix_spawn_file_actions_t value{};
};

// A child starts with no signal ignored, whatever its parent does, and with those blocked that it must not end by
// before it has seen to that itself (slot_main.cpp).
struct SpawnAttributes {
  SpawnAttributes() {
    posix_spawnattr_init(&value);
    sigset_t blocked;
    sigset_t all;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGINT);
    sigaddset(&blocked, SIGTERM);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&value, &blocked);
    posix_spawnattr_setsigdefault(&value, &all);
    posix_spawnattr_setflags(&value, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  ~SpawnAttributes() { posix_spawnattr_destroy(&value); }
  posix_spawnattr_t value{};
};

}  // namespace

void SharedMark::Unmap::operator()(RunningMark* mark) const { ::munmap(mark, sizeof *mark); }

Result<SharedMark> SharedMark::open(Descriptor descriptor) {
  void* page = ::mmap(nullptr, sizeof(RunningMark), PROT_READ | PROT_WRITE, MAP_SHARED, descriptor.get(), 0);
  if (page == MAP_FAILED) return system_error("mapping the memory shared with a slot", errno);
  SharedMark mark;
  mark.descriptor_ = std::move(descriptor);
  mark.mark_.reset(new (page) RunningMark);
  return mark;
}

Result<SharedMark> SharedMark::make() {
  Descriptor low(::memfd_create("zebu-slot", MFD_CLOEXEC));
  Descriptor descriptor(::fcntl(low.get(), F_DUPFD_CLOEXEC, kAbove));
  if (!descriptor.is_open() || ::ftruncate(descriptor.get(), sizeof(RunningMark)) != 0) {
    return system_error("making memory to share with a slot", errno);
  }
  return open(std::move(descriptor));
}

Result<Child> start_child(const std::string& program, const SharedMark& mark, std::optional<std::size_t> memory) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    return system_error("making a socket pair", errno);
  Child child;
  child.socket = Descriptor(ends[0]);
  const Descriptor childs_socket = moved_up(ends[1]);
  if (::pipe2(ends, O_CLOEXEC) != 0) return system_error("making a pipe", errno);
  child.output = Descriptor(ends[0]);
  const Descriptor childs_output = moved_up(ends[1]);
  if (!childs_socket.is_open() || !childs_output.is_open()) return system_error("duplicating a descriptor", errno);
  ::fcntl(child.socket.get(), F_SETFL, O_NONBLOCK);
  ::fcntl(child.output.get(), F_SETFL, O_NONBLOCK);

  SpawnActions actions;
  posix_spawn_file_actions_adddup2(&actions.value, childs_output.get(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions.value, childs_output.get(), STDERR_FILENO);
  posix_spawn_file_actions_adddup2(&actions.value, childs_socket.get(), kSlotSocket);
  posix_spawn_file_actions_adddup2(&actions.value, mark.descriptor(), kSlotMark);
  const SpawnAttributes attributes;
  std::string name = program;
  std::string argument = kSlotArgument;
  std::string parent = std::to_string(::getpid());
  char* const argv[] = {name.data(), argument.data(), parent.data(), nullptr};
  const int error = ::posix_spawn(&child.pid, "/proc/self/exe", &actions.value, &attributes.value, argv, environ);
  if (error != 0) return system_error("starting a slot's process", error);
  // It has no job yet. Other limits than that of data count libraries too, and address space that nobody uses.
  const rlimit limit{memory.value_or(RLIM_INFINITY), memory.value_or(RLIM_INFINITY)};
  if (memory && ::prlimit(child.pid, RLIMIT_DATA, &limit, nullptr) != 0) {
    const int refused = errno;
    ::kill(child.pid, SIGKILL);
    ::waitpid(child.pid, nullptr, 0);
    return system_error("limiting the memory of a slot's process", refused);
  }
  return child;
}

std::string describe_exit(int wait_status) {
  if (WIFEXITED(wait_status)) return "exited with code " + std::to_string(WEXITSTATUS(wait_status));
  const int number = WTERMSIG(wait_status);
  const char* name = ::sigabbrev_np(number);
  return name == nullptr ? "killed by signal " + std::to_string(number) : "killed by SIG" + std::string(name);
}

}  // namespace zebu::consumer
