// A consumer whose tasks do to their slots what tasks must not do. Its tests are tests/system/rogue_*_test.cpp.
#include "zebu/consumer.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cerrno>
#include <cfenv>
#include <clocale>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <pthread.h>
#include <stdexcept>
#include <string>
#include <unistd.h>
#include <vector>

namespace {

using zebu::Context;

[[noreturn]] void stay() {
  while (true) ::pause();
}

void append_line(const std::string& path, const std::string& line) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  const std::string text = line + "\n";
  if (::write(file, text.data(), text.size()) != static_cast<ssize_t>(text.size())) std::abort();
  ::close(file);
}

// Begins in a process with nobody above it but a subreaper.
void daemonise() {
  if (::fork() != 0) return;
  ::setsid();
  if (::fork() != 0) ::_exit(0);
  stay();
}

// The usual way of a program that makes itself a daemon, in a task: its own process ends, and the copy goes on.
void become_daemon() {
  if (::fork() != 0) ::_exit(0);
  ::setsid();
}

// 2^depth processes, each in a session of its own.
void bomb(int depth) {
  for (int i = 0; i < depth; ++i) {
    if (::fork() == 0) ::setsid();
  }
}

std::vector<int> own_descriptors() {
  std::vector<int> descriptors;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    const int number = std::stoi(entry.path().filename().string());
    if (number > 2) descriptors.push_back(number);
  }
  return descriptors;
}

// how: "write", "read", "close", "truncate", "shutdown", "steal" (reads what is there and not a byte more), "replace".
void meddle(const std::string& how) {
  const std::string garbage(4096, '\x11');
  char bytes[65536];
  for (const int each : own_descriptors()) {
    if (how == "write") static_cast<void>(::send(each, garbage.data(), garbage.size(), MSG_DONTWAIT) < 0);
    if (how == "read") static_cast<void>(::recv(each, bytes, 5, MSG_DONTWAIT) < 0);
    if (how == "steal") static_cast<void>(::recv(each, bytes, sizeof bytes, MSG_DONTWAIT) < 0);
    if (how == "truncate") static_cast<void>(::ftruncate(each, 0) < 0);
    if (how == "shutdown") ::shutdown(each, SHUT_RDWR);
    if (how == "close") ::close(each);
    if (how == "replace") ::dup2(::open("/dev/null", O_RDWR | O_CLOEXEC), each);
  }
}

// Fills the memory that the slot shares with the consumer.
void scribble(int byte) {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    if (line.find("zebu-slot") == std::string::npos) continue;
    unsigned long begin = 0;
    unsigned long end = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx", &begin, &end) == 2) {
      std::memset(reinterpret_cast<void*>(begin), byte, end - begin);
    }
  }
}

// What a task may find changed by the one before it.
std::string state() {
  sigset_t mask;
  ::pthread_sigmask(SIG_SETMASK, nullptr, &mask);
  struct sigaction action {};
  ::sigaction(SIGTERM, nullptr, &action);
  const mode_t mode = ::umask(0);
  ::umask(mode);
  itimerval timer{};
  ::getitimer(ITIMER_REAL, &timer);
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  const char* variable = std::getenv("ROGUE_VARIABLE");
  return std::string(action.sa_handler == SIG_IGN ? "deaf " : "") + (sigismember(&mask, SIGUSR1) ? "masked " : "") +
         std::filesystem::current_path().string() + " " + std::to_string(mode) + " " +
         (variable == nullptr ? "none" : variable) + " " + std::setlocale(LC_ALL, nullptr) + " " +
         std::to_string(std::fegetround()) + " " + std::to_string(timer.it_value.tv_sec) + " " +
         std::to_string(files.rlim_cur);
}

void spoil() {
  std::signal(SIGTERM, SIG_IGN);
  sigset_t mask;
  sigfillset(&mask);
  ::pthread_sigmask(SIG_BLOCK, &mask, nullptr);
  std::filesystem::current_path("/");
  ::umask(0777);
  ::setenv("ROGUE_VARIABLE", "spoiled", 1);
  ::unsetenv("PATH");
  std::setlocale(LC_ALL, "C.UTF-8");
  std::fesetround(FE_UPWARD);
  ::alarm(3600);
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = 64;
  ::setrlimit(RLIMIT_NOFILE, &files);
}

struct ExitsAgain {
  bool is_armed = false;
  ~ExitsAgain() {
    if (is_armed) ::_exit(7);
  }
};
ExitsAgain exits_again;

void shout(std::uint32_t mib) {
  const std::string block(1U << 20, '!');
  for (std::uint32_t i = 0; i < mib; ++i) std::fputs(block.c_str(), stderr);
}

// Runs in each slot's process if ROGUE_HOOK names a file: it fails as often as ROGUE_HOOK_FAILS says.
void hook() {
  const char* path = std::getenv("ROGUE_HOOK");
  if (path == nullptr) return;
  append_line(path, "start");
  std::ifstream file(path);
  int lines = 0;
  for (std::string line; std::getline(file, line);) ++lines;
  const char* fails = std::getenv("ROGUE_HOOK_FAILS");
  if (fails != nullptr && lines <= std::atoi(fails)) throw std::runtime_error("no model");
  if (std::getenv("ROGUE_HELPER") != nullptr && ::fork() == 0) stay();
}

void add_processes(zebu::Registry& tasks) {
  tasks.add("fork", [] {
    ::fork();
    return static_cast<std::int64_t>(::getpid());
  });
  tasks.add("fork_and_tell", [](Context& context) {
    if (::fork() == 0) context.print("the copy\n");
    return static_cast<std::int64_t>(::getpid());
  });
  tasks.add("fork_and_throw", [] {
    if (::fork() == 0) throw std::runtime_error("the copy");
    return 0;
  });
  tasks.add("fork_and_stay", [] {
    if (::fork() == 0) stay();
  });
  tasks.add("daemonise", daemonise);
  tasks.add("become_daemon", become_daemon);
  tasks.add("bomb", bomb);
  tasks.add("shell", [](const std::string& script) { return std::system(script.c_str()); });
  tasks.add("pid", [] { return static_cast<std::int64_t>(::getpid()); });
  tasks.add("note", [](const std::string& path, const std::string& line) { append_line(path, line); });
}

}  // namespace

int main(int argc, char** argv) {
  zebu::Registry tasks;
  add_processes(tasks);
  tasks.add("meddle", meddle);
  tasks.add("meddle_and_hang", [](Context& context, const std::string& how) {
    context.progress(0, "begun");
    meddle(how);
    stay();
  });
  tasks.add("scribble", scribble);
  tasks.add("scribble_and_crash", [](int byte) {
    scribble(byte);
    std::abort();
  });
  tasks.add("scribble_and_hang", [](Context& context, int byte) {
    context.progress(0, "begun");
    scribble(byte);
    stay();
  });
  tasks.add("state", state);
  tasks.add("spoil", spoil);
  tasks.add("stop", [] { ::raise(SIGSTOP); });
  tasks.add("exit", [] {
    exits_again.is_armed = true;
    std::exit(0);
  });
  tasks.add("exec", [] { ::execl("/bin/sleep", "sleep", "1000", static_cast<char*>(nullptr)); });
  tasks.add("pthread_exit", [] { ::pthread_exit(nullptr); });
  tasks.add("shout", shout);
  tasks.on_start(hook);
  return zebu::run_consumer(argc, argv, tasks);
}
