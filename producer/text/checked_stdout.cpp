#include "producer/text/checked_stdout.h"

#include "producer/text/complain.h"

#include <cerrno>
#include <fcntl.h>
#include <iostream>
#include <poll.h>
#include <string_view>
#include <system_error>
#include <unistd.h>

namespace zebu::producer {

CheckedStdout::CheckedStdout() : is_terminal_(::isatty(STDOUT_FILENO) == 1) {
  // If stdout is closed, its number will soon belong to a socket.
  if (::fcntl(STDOUT_FILENO, F_GETFD) < 0) error_ = errno;
  setp(buffer_.data(), buffer_.data() + buffer_.size());
  before_ = std::cout.rdbuf(this);
}

CheckedStdout::~CheckedStdout() {
  write_out();
  std::cout.rdbuf(before_);
}

int CheckedStdout::checked(int exit_code) {
  std::cout.flush();
  if (std::cout) return exit_code;
  complain("cannot write to stdout: " + std::generic_category().message(error_));
  return exit_code == 0 ? 1 : exit_code;
}

bool CheckedStdout::write_out() {
  const char* from = pbase();
  while (error_ == 0 && from < pptr()) {
    const ssize_t written = ::write(STDOUT_FILENO, from, static_cast<std::size_t>(pptr() - from));
    if (written >= 0) {
      from += written;
    } else if (errno == EAGAIN) {
      pollfd room{STDOUT_FILENO, POLLOUT, 0};
      ::poll(&room, 1, -1);
    } else if (errno != EINTR) {
      error_ = errno;
    }
  }
  // Text that could not be written is dropped.
  const bool is_written = from == pptr();
  setp(buffer_.data(), buffer_.data() + buffer_.size());
  return is_written;
}

CheckedStdout::int_type CheckedStdout::overflow(int_type c) {
  if (!write_out()) return traits_type::eof();
  if (!traits_type::eq_int_type(c, traits_type::eof())) sputc(traits_type::to_char_type(c));
  return traits_type::not_eof(c);
}

std::streamsize CheckedStdout::xsputn(const char* text, std::streamsize length) {
  const std::streamsize taken = std::streambuf::xsputn(text, length);
  const std::string_view what(text, static_cast<std::size_t>(taken));
  if (is_terminal_ && what.find('\n') != std::string_view::npos && !write_out()) return 0;
  return taken;
}

int CheckedStdout::sync() { return write_out() ? 0 : -1; }

}  // namespace zebu::producer
