#pragma once

#include "tests/support/process.h"

#include <sys/types.h>

#include <string>
#include <termios.h>
#include <vector>

namespace zebu::test {

// A program at a terminal of its own, which is as large as it is told. The end of the scope kills it.
class PtyProcess {
 public:
  PtyProcess(const std::vector<std::string>& command, unsigned short columns, unsigned short rows);
  ~PtyProcess();
  PtyProcess(const PtyProcess&) = delete;
  PtyProcess& operator=(const PtyProcess&) = delete;

  void type(const std::string& keys);
  void resize(unsigned short columns, unsigned short rows);
  void signal(int number);
  // Until the program has written `text` after all that was waited for before. Throws when it does not in time.
  void wait_for(const std::string& text, std::chrono::milliseconds limit = std::chrono::seconds(10));
  ExitStatus wait_exit(std::chrono::milliseconds limit = std::chrono::seconds(10));

  // All that the program has written to the terminal so far.
  const std::string& screen() const { return screen_; }
  // Whether the terminal's settings are as before the program started.
  bool is_restored() const;

 private:
  bool read_some(std::chrono::milliseconds limit);
  termios settings() const;

  int terminal_ = -1;  // the side of whoever sits before it
  int program_side_ = -1;
  pid_t pid_ = -1;
  termios before_{};
  std::string screen_;
  std::size_t waited_ = 0;
};

}  // namespace zebu::test
