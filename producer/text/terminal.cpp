#include "producer/text/terminal.h"

#include <sys/ioctl.h>
#include <sys/signalfd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
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

// What terminals send for keys (ECMA-48, xterm).
struct KeySequence {
  std::string_view bytes;
  Key key;
};
constexpr std::array<KeySequence, 15> kSequences = {{{"\x1b[A", keys::kUp},
                                                     {"\x1bOA", keys::kUp},
                                                     {"\x1b[B", keys::kDown},
                                                     {"\x1bOB", keys::kDown},
                                                     {"\x1b[C", keys::kEnter},
                                                     {"\x1bOC", keys::kEnter},
                                                     {"\x1b[D", keys::kBack},
                                                     {"\x1bOD", keys::kBack},
                                                     {"\x1b[5~", keys::kPageUp},
                                                     {"\x1b[6~", keys::kPageDown},
                                                     {"\x1b[H", keys::kHome},
                                                     {"\x1b[1~", keys::kHome},
                                                     {"\x1b[F", keys::kEnd},
                                                     {"\x1b[4~", keys::kEnd},
                                                     {"\x1bOF", keys::kEnd}}};

// Selects a look; without colours the same by brightness and reverse video.
std::string_view look_code(ScreenLine::Look look, bool has_colour) {
  switch (look) {
    case ScreenLine::Look::plain:
      break;
    case ScreenLine::Look::heading:
      return "\x1b[7m";
    case ScreenLine::Look::chosen:
      return has_colour ? "\x1b[30;46m" : "\x1b[1;7m";
    case ScreenLine::Look::faint:
      return "\x1b[2m";
    case ScreenLine::Look::warning:
      return has_colour ? "\x1b[33m" : "";
    case ScreenLine::Look::alarm:
      return has_colour ? "\x1b[31m" : "\x1b[1m";
  }
  return "";
}

bool is_set(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
  return value != nullptr && *value != '\0';
}

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

FullScreen::FullScreen() : has_colour_(!is_set("NO_COLOR")) {
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

void FullScreen::draw(const std::vector<ScreenLine>& lines) const {
  std::string screen(kHome);
  for (const ScreenLine& line : lines) {
    // No newline after the last line: it would scroll the screen.
    if (&line != &lines.front()) screen += "\r\n";
    screen.append(look_code(line.look, has_colour_)).append(line.text).append(kEndOfLine);
  }
  write_all(screen.append(kClearBelow));
}

int FullScreen::keys() const { return before_ ? STDIN_FILENO : -1; }

std::optional<std::vector<Key>> FullScreen::read_keys() const {
  std::array<char, 256> typed{};
  const ssize_t got = ::read(STDIN_FILENO, typed.data(), typed.size());
  if (got <= 0) return std::nullopt;
  return keys_of({typed.data(), static_cast<std::size_t>(got)});
}

std::vector<Key> keys_of(std::string_view bytes) {
  std::vector<Key> found;
  while (!bytes.empty()) {
    const auto* sequence = std::find_if(kSequences.begin(), kSequences.end(),
                                        [&](const KeySequence& each) { return bytes.starts_with(each.bytes); });
    if (sequence != kSequences.end()) {
      found.push_back(sequence->key);
      bytes.remove_prefix(sequence->bytes.size());
    } else if (bytes.starts_with("\x1b[") || bytes.starts_with("\x1bO")) {
      // Of another key: parameters, and one byte from @ to ~ at the end.
      std::size_t end = 2;
      while (end < bytes.size() && (bytes[end] < '@' || bytes[end] > '~')) ++end;
      bytes.remove_prefix(std::min(end + 1, bytes.size()));
    } else {
      const char c = bytes.front();
      bytes.remove_prefix(1);
      if (c == '\r' || c == '\n') found.push_back(keys::kEnter);
      if (c == '\x1b' || c == '\x7f' || c == '\b') found.push_back(keys::kBack);
      if (c >= ' ' && c <= '~') found.push_back(static_cast<Key>(c));
    }
  }
  return found;
}

bool has_full_screen() {
  const char* kind = std::getenv("TERM");  // NOLINT(concurrency-mt-unsafe)
  return ::isatty(STDOUT_FILENO) == 1 && (kind == nullptr || std::string_view(kind) != "dumb");
}

}  // namespace zebu::producer
