#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace zebu::test {

// How a program ended: by an exit code or by a signal.
struct ExitStatus {
  std::optional<int> code;
  std::optional<int> signal;
  bool operator==(const ExitStatus&) const = default;
};

struct ProcessOptions {
  std::vector<std::string> command = {};                // the program and its arguments; PATH is searched
  std::map<std::string, std::string> environment = {};  // set in addition to this process's own
  std::string input_file = "/dev/null";                 // what it reads as its stdin
  bool reads_errors = true;  // false: nobody reads its stderr, a pipe of one page, until Process::read_errors()
};

// A program under test in a process group of its own, its stdout and stderr gathered by a thread. Every wait has a
// limit (see scaled()) and throws, with all that the program wrote, when it passes. The end of the scope kills the
// whole group.
class Process {
 public:
  explicit Process(ProcessOptions options);
  explicit Process(std::vector<std::string> command) : Process(ProcessOptions{.command = std::move(command)}) {}
  ~Process();
  Process(Process&&) noexcept;
  Process& operator=(Process&&) noexcept;

  pid_t pid() const;
  bool is_running() const;

  // The first whole line on stdout (or stderr) that begins with `prefix`, without its newline.
  std::string wait_for_line(const std::string& prefix, std::chrono::milliseconds limit = std::chrono::seconds(10));
  std::string wait_for_error_line(const std::string& part, std::chrono::milliseconds limit = std::chrono::seconds(10));
  // After it, out() and err() are complete, unless a child that outlived the program holds them open.
  ExitStatus wait_exit(std::chrono::milliseconds limit = std::chrono::seconds(10));

  void read_errors();

  void signal(int number);        // to the program alone
  void signal_group(int number);  // as a terminal's Ctrl-C: to the program and its children

  std::string out() const;
  std::string err() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

struct Finished {
  ExitStatus exit;
  std::string out;
  std::string err;
};

// Runs a program to its end.
Finished run(ProcessOptions options, std::chrono::milliseconds limit = std::chrono::seconds(30));

// Direct children of a process, from /proc; empty when it is gone.
std::vector<pid_t> children_of(pid_t pid);
// Resident memory in bytes; 0 when it is gone.
std::size_t resident_bytes(pid_t pid);

}  // namespace zebu::test
