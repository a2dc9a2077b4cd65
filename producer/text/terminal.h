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

// Of the terminal there; 80 by 24 where it does not say.
[[nodiscard]] TerminalSize terminal_size(int descriptor);

// SIGWINCH as a descriptor that becomes readable. Made before any other thread starts, because it blocks the signal.
class ResizeSignal {
 public:
  ResizeSignal();

  [[nodiscard]] int descriptor() const { return descriptor_.get(); }
  // Makes it unreadable until the next time.
  void take() const;

 private:
  Descriptor descriptor_;
};

// The terminal at stdout as one full screen that is drawn over and over, without a cursor; the keys at stdin, where
// that is a terminal too, come one by one and are not shown. The end of the scope gives all back as it was. Ctrl-C
// stays a signal; Ctrl-Z and Ctrl-\ do nothing, because they would leave the terminal as it is here.
class FullScreen {
 public:
  FullScreen();
  ~FullScreen();
  FullScreen(const FullScreen&) = delete;
  FullScreen& operator=(const FullScreen&) = delete;

  // Lines that fit the size; those that begin with a tab are shown in reverse video, as headings.
  void draw(std::string_view lines) const;
  // -1 where no keys come.
  [[nodiscard]] int keys() const;
  // The next key; nothing when there is no more keyboard.
  [[nodiscard]] std::optional<char> key() const;

 private:
  std::optional<termios> before_;  // of stdin
};

}  // namespace zebu::producer
