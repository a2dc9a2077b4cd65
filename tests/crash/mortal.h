#pragma once

#include "tests/support/process.h"

#include <deque>
#include <string>

namespace zebu::crash {

// A process that is killed and started again, as often as it takes. Those that were killed stay until the round's end:
// what their children still do counts.
class Mortal {
 public:
  explicit Mortal(test::ProcessOptions options) : options_(std::move(options)) {}

  void start();
  void kill();
  // SIGSTOP until go_on(), to the program alone or to its children too.
  void stand_still(bool with_children);
  void go_on();
  [[nodiscard]] bool is_started() const { return is_started_; }
  // It has exited by itself, with 0. Throws when it has exited in another way.
  [[nodiscard]] bool is_finished();
  [[nodiscard]] test::Process& process() { return lives_.back(); }
  [[nodiscard]] test::ProcessOptions& options() { return options_; }
  // What each of its lives said on stderr.
  [[nodiscard]] std::string said() const;

 private:
  test::ProcessOptions options_;
  std::deque<test::Process> lives_;
  bool is_started_ = false;
};

}  // namespace zebu::crash
