#include "consumer/slots/process/child.h"

#include "zebu/ids.h"

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <new>
#include <spawn.h>
#include <string.h>
#include <system_error>
#include <unistd.h>

extern char** environ;

namespace zebu::consumer {
namespace {

// Above every descriptor number that a child uses, so that dup2 to those numbers cannot overwrite a source descriptor.
constexpr int kAbove = 10;

tl::unexpected<Error> system_error(const std::string& doing, int error) {
  return fail(ErrorCode::system, doing + ": " + std::generic_category().message(error));
}

Descriptor moved_up(int fd) {
  Descriptor low(fd);
  return Descriptor(::fcntl(low.get(), F_DUPFD_CLOEXEC, kAbove));
}

// The two ends of a stream between us and a child.
struct Ends {
  Descriptor ours;  // non-blocking
  Descriptor childs;
};

// On failure: nullopt, and errno is set.
std::optional<Ends> ends_of(int ours, int childs) {
  Ends ends{Descriptor(ours), moved_up(childs)};
  if (!ends.childs.is_open() || ::fcntl(ours, F_SETFL, O_NONBLOCK) != 0) return std::nullopt;
  return ends;
}

std::optional<Ends> socket_pair() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return std::nullopt;
  return ends_of(ends[0], ends[1]);
}

std::optional<Ends> output_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return std::nullopt;
  return ends_of(ends[0], ends[1]);
}

struct SpawnActions {
  SpawnActions() { posix_spawn_file_actions_init(&value); }
  void hand_over(const Descriptor& descriptor, int as) { hand_over(descriptor.get(), as); }
  void hand_over(int descriptor, int as) { posix_spawn_file_actions_adddup2(&value, descriptor, as); }
  ~SpawnActions() { posix_spawn_file_actions_destroy(&value); }
  posix_spawn_file_actions_t value{};
};

// A child starts with no signal ignored, even if its parent ignores some. Those that it handles are blocked until it
// has installed its handlers (main.cpp). Its process group is its own: what a task sends to "its" group stays in it.
// Its session is the consumer's: where the scheduler shares the processor out to sessions, a slot is to get no other
// share.
struct SpawnAttributes {
  SpawnAttributes() {
    posix_spawnattr_init(&value);
    sigset_t blocked;
    sigset_t all;
    sigemptyset(&blocked);
    for (const int signal : kSlotSignals) sigaddset(&blocked, signal);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&value, &blocked);
    posix_spawnattr_setsigdefault(&value, &all);
    posix_spawnattr_setpgroup(&value, 0);
    posix_spawnattr_setflags(&value, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  }
  ~SpawnAttributes() { posix_spawnattr_destroy(&value); }
  posix_spawnattr_t value{};
};

}  // namespace

void SharedMark::Unmap::operator()(RunningMark* mark) const { ::munmap(mark, sizeof *mark); }

Result<SharedMark> SharedMark::map(int descriptor) {
  void* page = ::mmap(nullptr, sizeof(RunningMark), PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  if (page == MAP_FAILED) return system_error("mapping the memory shared with a slot", errno);
  ::madvise(page, static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)), MADV_DONTFORK);
  SharedMark mark;
  mark.mark_.reset(static_cast<RunningMark*>(page));
  return mark;
}

Result<SharedMark> SharedMark::open(Descriptor descriptor) { return map(descriptor.get()); }

Result<SharedMark> SharedMark::make() {
  Descriptor low(::memfd_create("zebu-slot", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  Descriptor descriptor(::fcntl(low.get(), F_DUPFD_CLOEXEC, kAbove));
  if (!descriptor.is_open() || ::ftruncate(descriptor.get(), sizeof(RunningMark)) != 0 ||
      ::fcntl(descriptor.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
    return system_error("making memory to share with a slot", errno);
  }
  auto mark = map(descriptor.get());
  if (!mark) return mark;
  new (&mark->get()) RunningMark;
  mark->descriptor_ = std::move(descriptor);
  const Uuid random = Uuid::make();
  std::memcpy(&mark->seal_, random.bytes.data() + sizeof mark->seal_, sizeof mark->seal_);
  mark->get().seal.store(mark->seal_, std::memory_order_relaxed);
  mark->get().reset();
  return mark;
}

Result<Child> start_child(const std::string& program, const SharedMark& mark, std::optional<std::size_t> memory) {
  auto jobs = socket_pair();
  auto orders = socket_pair();
  if (!jobs || !orders) return system_error("making a socket pair", errno);
  auto output = output_pipe();
  if (!output) return system_error("making a pipe", errno);

  SpawnActions actions;
  // A process in the background that reads a terminal is stopped.
  posix_spawn_file_actions_addopen(&actions.value, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  actions.hand_over(output->childs, STDOUT_FILENO);
  actions.hand_over(output->childs, STDERR_FILENO);
  actions.hand_over(jobs->childs, kSlotJobs);
  actions.hand_over(orders->childs, kSlotOrders);
  actions.hand_over(mark.descriptor(), kSlotMark);
  // Another thread may have sockets that are inherited: those of --metrics.
  posix_spawn_file_actions_addclosefrom_np(&actions.value, kSlotOrders + 1);
  const SpawnAttributes attributes;
  std::string name = program;
  std::string argument = kSlotArgument;
  std::string parent = std::to_string(::getpid());
  std::string limit = std::to_string(memory.value_or(0));
  char* const argv[] = {name.data(), argument.data(), parent.data(), limit.data(), nullptr};
  Child child{0, std::move(jobs->ours), std::move(orders->ours), std::move(output->ours)};
  const int error = ::posix_spawn(&child.pid, "/proc/self/exe", &actions.value, &attributes.value, argv, environ);
  if (error != 0) return system_error("starting a slot's process", error);
  return child;
}

std::string describe_exit(int wait_status) {
  if (WIFEXITED(wait_status)) return "exited with code " + std::to_string(WEXITSTATUS(wait_status));
  const int number = WTERMSIG(wait_status);
  const char* name = ::sigabbrev_np(number);
  return name == nullptr ? "killed by signal " + std::to_string(number) : "killed by SIG" + std::string(name);
}

}  // namespace zebu::consumer
