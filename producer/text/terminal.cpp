#include "producer/text/terminal.h"

#include <sys/ioctl.h>
#include <sys/signalfd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <string>
#include <unistd.h>

namespace zebu::producer {
namespace {

// ECMA-48 and xterm's private modes: the alternate screen, without a cursor.
constexpr std::string_view kEnter = "\x1b[?1049h\x1b[?25l";
constexpr std::string_view kLeave = "\x1b[?25h\x1b[?1049l";
constexpr std::string_view kHome = "\x1b[H";
constexpr std::string_view kEndOfLine = "\x1b[0m\x1b[K";
constexpr std::string_view kClearBelow = "\x1b[J";
constexpr std::string_view kReverse = "\x1b[7m";

// Errors are ignored: if the terminal is gone, there is no one to report them to.
void write_all(std::string_view text) {
  while (!text.empty()) {
    const ssize_t done = ::write(STDOUT_FILENO, text.data(), text.size());
    if (done < 0 && errno != EINTR) return;
    if (done > 0) text.remove_prefix(static_cast<std::size_t>(done));
  }
}

Descriptor resize_descriptor() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGWINCH);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return Descriptor(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
}

}  // namespace

TerminalSize terminal_size(int descriptor) {
  winsize size{};
  if (::ioctl(descriptor, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) return {};
  return {size.ws_col, size.ws_row};
}

ResizeSignal::ResizeSignal() : descriptor_(resize_descriptor()) {}

void ResizeSignal::take() const {
  signalfd_siginfo info{};
  while (::read(descriptor_.get(), &info, sizeof info) > 0) {
  }
}

FullScreen::FullScreen() {
  termios settings{};
  if (::tcgetattr(STDIN_FILENO, &settings) == 0) {
    before_ = settings;
    settings.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
    settings.c_cc[VMIN] = 1;
    settings.c_cc[VTIME] = 0;
    settings.c_cc[VSUSP] = _POSIX_VDISABLE;
    settings.c_cc[VQUIT] = _POSIX_VDISABLE;
    ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &settings);
  }
  write_all(kEnter);
}

FullScreen::~FullScreen() {
  write_all(kLeave);
  if (before_) ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &*before_);
}

void FullScreen::draw(std::string_view lines) const {
  std::string screen(kHome);
  for (bool is_first = true; !lines.empty(); is_first = false) {
    const std::size_t end = std::min(lines.find('\n'), lines.size());
    std::string_view line = lines.substr(0, end);
    lines.remove_prefix(std::min(end + 1, lines.size()));
    // No newline after the last line: it would scroll the screen.
    if (!is_first) screen += "\r\n";
    if (line.starts_with('\t')) {
      line.remove_prefix(1);
      screen += kReverse;
    }
    screen.append(line).append(kEndOfLine);
  }
  write_all(screen.append(kClearBelow));
}

int FullScreen::keys() const { return before_ ? STDIN_FILENO : -1; }

std::optional<char> FullScreen::key() const {
  char key = 0;
  if (::read(STDIN_FILENO, &key, 1) == 1) return key;
  return std::nullopt;
}

}  // namespace zebu::producer
