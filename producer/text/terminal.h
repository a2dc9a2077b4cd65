#pragma once

#include "zebu/program/descriptor.h"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <termios.h>
#include <vector>

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

// A line of a full screen.
struct ScreenLine {
  enum class Look { plain, heading, chosen, faint, warning, alarm };
  std::string text;
  Look look = Look::plain;
};

// A key of the keyboard: what it types, or one of those below.
using Key = char32_t;
namespace keys {
inline constexpr Key kUp = 0xf700;
inline constexpr Key kDown = 0xf701;
inline constexpr Key kPageUp = 0xf702;
inline constexpr Key kPageDown = 0xf703;
inline constexpr Key kHome = 0xf704;
inline constexpr Key kEnd = 0xf705;
inline constexpr Key kEnter = 0xf706;
inline constexpr Key kBack = 0xf707;  // Escape, backspace, the left arrow
}  // namespace keys

// The keys that a terminal has sent. Sequences that are not known are no keys.
[[nodiscard]] std::vector<Key> keys_of(std::string_view bytes);

// Whether stdout is a terminal that can show a full screen: not TERM=dumb.
[[nodiscard]] bool has_full_screen();

// The terminal at stdout as a full screen that is redrawn in place, without a cursor. If stdin is a terminal too, keys
// arrive one by one and are not echoed. The destructor restores the terminal. Ctrl-C still raises its signal; Ctrl-Z
// and Ctrl-\ do nothing, because they would end or stop the program without restoring the terminal.
class FullScreen {
 public:
  FullScreen();
  ~FullScreen();
  FullScreen(const FullScreen&) = delete;
  FullScreen& operator=(const FullScreen&) = delete;

  // Draws lines, which must fit the terminal. In colour, unless NO_COLOR is set.
  void draw(const std::vector<ScreenLine>& lines) const;
  // The descriptor to poll for keys; -1 if stdin is not a terminal.
  [[nodiscard]] int keys() const;
  // Reads the keys that were typed; nullopt if the keyboard is gone.
  [[nodiscard]] std::optional<std::vector<Key>> read_keys() const;

 private:
  std::optional<termios> before_;  // stdin's settings, to restore
  bool has_colour_;
};

}  // namespace zebu::producer
