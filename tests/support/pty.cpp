#include "tests/support/pty.h"

#include "tests/support/eventually.h"

#include <sys/ioctl.h>
#include <sys/wait.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <stdexcept>
#include <system_error>
#include <unistd.h>

namespace zebu::test {
namespace {

[[noreturn]] void become(int terminal, const std::vector<char*>& words) {
  ::setsid();
  ::ioctl(terminal, TIOCSCTTY, 0);
  for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::dup2(terminal, standard);
  ::execvp(words.front(), words.data());
  ::_exit(127);
}

}  // namespace

PtyProcess::PtyProcess(const std::vector<std::string>& command, unsigned short columns, unsigned short rows) {
  terminal_ = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (terminal_ < 0 || ::grantpt(terminal_) != 0 || ::unlockpt(terminal_) != 0)
    throw std::runtime_error("no terminal: " + std::generic_category().message(errno));
  program_side_ = ::open(::ptsname(terminal_), O_RDWR | O_NOCTTY | O_CLOEXEC);
  resize(columns, rows);
  before_ = settings();
  std::vector<char*> words;
  for (const std::string& word : command) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  pid_ = ::fork();
  if (pid_ == 0) become(program_side_, words);
}

PtyProcess::~PtyProcess() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  ::close(program_side_);
  ::close(terminal_);
}

void PtyProcess::type(const std::string& keys) {
  if (::write(terminal_, keys.data(), keys.size()) != static_cast<ssize_t>(keys.size()))
    throw std::runtime_error("cannot type");
}

void PtyProcess::resize(unsigned short columns, unsigned short rows) {
  const winsize size{rows, columns, 0, 0};
  ::ioctl(terminal_, TIOCSWINSZ, &size);
}

void PtyProcess::signal(int number) { ::kill(pid_, number); }

bool PtyProcess::read_some(std::chrono::milliseconds limit) {
  pollfd watched{terminal_, POLLIN, 0};
  if (::poll(&watched, 1, static_cast<int>(limit.count())) <= 0) return false;
  std::array<char, 4096> block{};
  const ssize_t got = ::read(terminal_, block.data(), block.size());
  if (got > 0) screen_.append(block.data(), static_cast<std::size_t>(got));
  return got > 0;
}

void PtyProcess::wait_for(const std::string& text, std::chrono::milliseconds limit) {
  const bool came = eventually(
      [&] {
        read_some(std::chrono::milliseconds(20));
        return screen_.find(text, waited_) != std::string::npos;
      },
      limit);
  if (!came) throw std::runtime_error("'" + text + "' does not come, but:\n" + screen_.substr(waited_));
  waited_ = screen_.find(text, waited_) + text.size();
}

ExitStatus PtyProcess::wait_exit(std::chrono::milliseconds limit) {
  int status = 0;
  const bool ended = eventually(
      [&] {
        read_some(std::chrono::milliseconds(0));
        return ::waitpid(pid_, &status, WNOHANG) == pid_;
      },
      limit);
  if (!ended) throw std::runtime_error("it does not end; its screen:\n" + screen_.substr(waited_));
  pid_ = -1;
  while (read_some(std::chrono::milliseconds(0))) {
  }
  if (WIFEXITED(status)) return {WEXITSTATUS(status), std::nullopt};
  return {std::nullopt, WTERMSIG(status)};
}

termios PtyProcess::settings() const {
  termios now{};
  ::tcgetattr(program_side_, &now);
  return now;
}

bool PtyProcess::is_restored() const {
  const termios now = settings();
  return now.c_lflag == before_.c_lflag && now.c_iflag == before_.c_iflag && now.c_oflag == before_.c_oflag &&
         std::memcmp(now.c_cc, before_.c_cc, sizeof now.c_cc) == 0;
}

}  // namespace zebu::test
