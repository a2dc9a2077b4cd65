#include "tests/support/process.h"

#include "tests/support/eventually.h"

#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <fcntl.h>
#include <fstream>
#include <mutex>
#include <poll.h>
#include <spawn.h>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <unistd.h>
#include <utility>

extern char** environ;

namespace zebu::test {
namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void throw_errno(const std::string& what, int error = errno) {
  throw std::system_error(error, std::generic_category(), what);
}

class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  ~Descriptor() { reset(); }
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  int get() const { return fd_; }
  void reset() {
    if (fd_ >= 0) close(std::exchange(fd_, -1));
  }

 private:
  int fd_;
};

std::pair<Descriptor, Descriptor> make_pipe() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) throw_errno("pipe2");
  return {Descriptor(ends[0]), Descriptor(ends[1])};
}

std::vector<std::string> merged_environment(const std::map<std::string, std::string>& extra) {
  std::vector<std::string> all;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    if (!extra.contains(text.substr(0, text.find('=')))) all.push_back(text);
  }
  for (const auto& [name, value] : extra) all.push_back(name + "=" + value);
  return all;
}

std::vector<char*> as_argv(std::vector<std::string>& words) {
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  return pointers;
}

pid_t spawn(ProcessOptions& options, int out, int err) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, options.input_file.c_str(), O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, err, STDERR_FILENO);
  // Sockets of a test would stay open in the program after the test has closed them.
  posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  posix_spawnattr_setpgroup(&attributes, 0);

  auto environment = merged_environment(options.environment);
  pid_t pid = -1;
  const int error = posix_spawnp(&pid, options.command.front().c_str(), &actions, &attributes,
                                 as_argv(options.command).data(), as_argv(environment).data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) throw_errno("starting " + options.command.front(), error);
  return pid;
}

std::optional<std::string> find_line(const std::string& text, const std::string& wanted, bool only_at_start) {
  std::size_t begin = 0;
  for (std::size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n', begin)) {
    const std::string line = text.substr(begin, end - begin);
    const std::size_t at = line.find(wanted);
    if (at != std::string::npos && (at == 0 || !only_at_start)) return line;
    begin = end + 1;
  }
  return std::nullopt;
}

}  // namespace

// The program stays a zombie until the end of the scope, so that neither its id nor its group's can be another's.
struct Process::State {
  std::string name;
  pid_t pid = -1;
  int pidfd = -1;
  Descriptor stop;
  Descriptor go_on;  // to read stderr
  std::array<Descriptor, 2> pipes;

  mutable std::mutex mutex;
  std::condition_variable changed;
  std::array<std::string, 2> text;  // stdout, stderr
  std::array<bool, 2> open{true, true};
  std::thread reader;

  explicit State(ProcessOptions options) : name(options.command.at(0)) {
    auto [out_read, out_write] = make_pipe();
    auto [err_read, err_write] = make_pipe();
    pipes = {std::move(out_read), std::move(err_read)};
    stop = Descriptor(eventfd(0, EFD_CLOEXEC));
    go_on = Descriptor(eventfd(options.reads_errors ? 1 : 0, EFD_CLOEXEC));
    if (!options.reads_errors && fcntl(pipes[1].get(), F_SETPIPE_SZ, 4096) < 0) throw_errno("F_SETPIPE_SZ");
    pid = spawn(options, out_write.get(), err_write.get());
    // glibc 2.36 (Debian 12) declares pidfd_open() for C only.
    pidfd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
    reader = std::thread([this] { read_all(); });
  }

  ~State() {
    kill(-pid, SIGKILL);
    waitpid(pid, nullptr, 0);
    const std::uint64_t one = 1;
    if (write(stop.get(), &one, sizeof one) != sizeof one) std::terminate();
    reader.join();
    // ThreadSanitizer has not seen this descriptor being opened. To close() it would be, for TSan, to close the last
    // one of this number that it knows of, which may have been another thread's.
    syscall(SYS_close, pidfd);
  }

  void read_all() {
    // poll() skips negative ones.
    std::array<pollfd, 4> wanted{
        {{pipes[0].get(), POLLIN, 0}, {-1, POLLIN, 0}, {stop.get(), POLLIN, 0}, {go_on.get(), POLLIN, 0}}};
    while (wanted[0].fd >= 0 || wanted[1].fd >= 0 || wanted[3].fd >= 0) {
      if (poll(wanted.data(), wanted.size(), -1) < 0 && errno != EINTR) return;
      if (wanted[2].revents != 0) return;
      if (wanted[3].revents != 0) {
        wanted[3].fd = -1;
        wanted[1].fd = pipes[1].get();
        continue;
      }
      for (std::size_t i = 0; i < 2; ++i) {
        if (wanted[i].fd >= 0 && wanted[i].revents != 0 && !read_some(i)) wanted[i].fd = -1;
      }
    }
  }

  bool read_some(std::size_t stream) {
    std::array<char, 65536> buffer;
    const ssize_t size = read(pipes[stream].get(), buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) return true;
    const std::lock_guard lock(mutex);
    if (size > 0) text[stream].append(buffer.data(), static_cast<std::size_t>(size));
    if (size <= 0) open[stream] = false;
    changed.notify_all();
    return size > 0;
  }

  // Needs the mutex.
  [[noreturn]] void give_up(const std::string& waited_for) const {
    throw std::runtime_error(name + ": " + waited_for + " did not come in time\n--- stdout\n" + text[0] +
                             "--- stderr\n" + text[1] + "---");
  }

  std::string wait_line(std::size_t stream, const std::string& wanted, bool only_at_start,
                        std::chrono::milliseconds limit) {
    std::unique_lock lock(mutex);
    std::optional<std::string> line;
    changed.wait_until(lock, Clock::now() + scaled(limit), [&] {
      line = find_line(text[stream], wanted, only_at_start);
      return line.has_value() || !open[stream];
    });
    if (!line) give_up("a line '" + wanted + "'");
    return *line;
  }

  bool wait_ended(std::chrono::milliseconds limit) const {
    pollfd wanted{pidfd, POLLIN, 0};
    int count = 0;
    do {
      count = poll(&wanted, 1, static_cast<int>(limit.count()));
    } while (count < 0 && errno == EINTR);
    return count > 0;
  }
};

Process::Process(ProcessOptions options) : state_(std::make_unique<State>(std::move(options))) {}
Process::~Process() = default;
Process::Process(Process&&) noexcept = default;
Process& Process::operator=(Process&&) noexcept = default;

pid_t Process::pid() const { return state_->pid; }

bool Process::is_running() const { return !state_->wait_ended(std::chrono::milliseconds(0)); }

std::string Process::wait_for_line(const std::string& prefix, std::chrono::milliseconds limit) {
  return state_->wait_line(0, prefix, true, limit);
}

std::string Process::wait_for_error_line(const std::string& part, std::chrono::milliseconds limit) {
  return state_->wait_line(1, part, false, limit);
}

ExitStatus Process::wait_exit(std::chrono::milliseconds limit) {
  if (!state_->wait_ended(scaled(limit))) {
    const std::lock_guard lock(state_->mutex);
    state_->give_up("its end");
  }
  siginfo_t info{};
  if (waitid(P_PID, static_cast<id_t>(state_->pid), &info, WEXITED | WNOWAIT) != 0) throw_errno("waitid");
  std::unique_lock lock(state_->mutex);
  state_->changed.wait_for(lock, std::chrono::seconds(1), [this] { return !state_->open[0] && !state_->open[1]; });
  if (info.si_code == CLD_EXITED) return {.code = info.si_status, .signal = std::nullopt};
  return {.code = std::nullopt, .signal = info.si_status};
}

void Process::read_errors() {
  const std::uint64_t one = 1;
  if (write(state_->go_on.get(), &one, sizeof one) != sizeof one) throw_errno("eventfd");
}

void Process::signal(int number) { kill(state_->pid, number); }

void Process::signal_group(int number) { kill(-state_->pid, number); }

std::string Process::out() const {
  const std::lock_guard lock(state_->mutex);
  return state_->text[0];
}

std::string Process::err() const {
  const std::lock_guard lock(state_->mutex);
  return state_->text[1];
}

Finished run(ProcessOptions options, std::chrono::milliseconds limit) {
  Process process(std::move(options));
  const ExitStatus exit = process.wait_exit(limit);
  return {exit, process.out(), process.err()};
}

std::vector<pid_t> children_of(pid_t pid) {
  const std::string id = std::to_string(pid);
  std::ifstream file("/proc/" + id + "/task/" + id + "/children");
  std::vector<pid_t> children;
  for (pid_t child = 0; file >> child;) children.push_back(child);
  return children;
}

std::size_t resident_bytes(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/statm");
  std::size_t total = 0;
  std::size_t resident = 0;
  if (!(file >> total >> resident)) return 0;
  return resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace zebu::test
