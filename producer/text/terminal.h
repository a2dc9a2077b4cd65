#pragma once

#include "zebu/program/descriptor.h"

#include <cstddef>
#include <optional>
#include <string_view>
#include <termios.h>

namespace zebu::producer {

struct TerminalSize {
  std::size_t columns = 80;
  std::size_t rows = 24;
};

// The size of the terminal at `descriptor`; 80 by 24 if it does not report one.
[[nodiscard]] TerminalSize terminal_size(int descriptor);

// SIGWINCH as a descriptor that becomes readable. Create it before any other thread starts, because it blocks the
// signal in its thread and in all that start later.
class ResizeSignal {
 public:
  ResizeSignal();

  [[nodiscard]] int descriptor() const { return descriptor_.get(); }
  // Clears the signal: the descriptor becomes readable again at the next one.
  void take() const;

 private:
  Descriptor descriptor_;
};

// The terminal at stdout as a full screen that is redrawn in place, without a cursor. If stdin is a terminal too, keys
// arrive one by one and are not echoed. The destructor restores the terminal. Ctrl-C still raises its signal; Ctrl-Z
// and Ctrl-\ do nothing, because they would end or stop the program without restoring the terminal.
class FullScreen {
 public:
  FullScreen();
  ~FullScreen();
  FullScreen(const FullScreen&) = delete;
  FullScreen& operator=(const FullScreen&) = delete;

  // Draws lines, which must fit the terminal. Lines that begin with a tab are headings, shown in reverse video.
  void draw(std::string_view lines) const;
  // The descriptor to poll for keys; -1 if stdin is not a terminal.
  [[nodiscard]] int keys() const;
  // Reads one key; nullopt if the keyboard is gone.
  [[nodiscard]] std::optional<char> key() const;

 private:
  std::optional<termios> before_;  // stdin's settings, to restore
};

}  // namespace zebu::producer
