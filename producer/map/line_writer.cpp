#include "producer/map/line_writer.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <poll.h>
#include <system_error>
#include <unistd.h>

namespace zebu::producer {
namespace {

bool is_regular_file(int descriptor) {
  struct stat facts {};
  return ::fstat(descriptor, &facts) == 0 && S_ISREG(facts.st_mode);
}

}  // namespace

LineWriter::LineWriter(int descriptor, int stop)
    : descriptor_(descriptor), stop_(stop), is_file_(is_regular_file(descriptor)) {}

void LineWriter::add(std::string_view line) {
  buffer_.append(line);
  buffer_ += '\n';
}

Result<void> LineWriter::flush() {
  std::size_t from = 0;
  Result<void> result;
  while (result && from < buffer_.size()) {
    const std::string_view chunk = std::string_view(buffer_).substr(from, next_chunk(from));
    result = write_chunk(chunk);
    if (result) written_ += static_cast<std::uint64_t>(std::count(chunk.begin(), chunk.end(), '\n'));
    from += chunk.size();
  }
  buffer_.clear();
  return result;
}

// A file is written in one piece. A pipe gets as many whole lines as fit into PIPE_BUF, which is written atomically and
// without blocking, or one longer line.
std::size_t LineWriter::next_chunk(std::size_t from) const {
  const std::size_t left = buffer_.size() - from;
  if (is_file_ || left <= PIPE_BUF) return left;
  const std::size_t last = std::string_view(buffer_).substr(from, PIPE_BUF).rfind('\n');
  if (last != std::string_view::npos) return last + 1;
  return buffer_.find('\n', from) + 1 - from;
}

Result<void> LineWriter::wait_writable() const {
  std::array<pollfd, 2> watched{pollfd{descriptor_, POLLOUT, 0}, pollfd{stop_, POLLIN, 0}};
  while (::poll(watched.data(), watched.size(), -1) < 0) {
    if (errno != EINTR) return fail(ErrorCode::system, std::generic_category().message(errno));
  }
  if (watched[0].revents == 0) return fail(ErrorCode::closed, "nobody reads the output");
  return {};
}

Result<void> LineWriter::write_chunk(std::string_view chunk) {
  if (!is_file_) {
    if (auto writable = wait_writable(); !writable) return writable;
  }
  std::size_t done = 0;
  while (done < chunk.size()) {
    const ssize_t count = ::write(descriptor_, chunk.data() + done, chunk.size() - done);
    if (count >= 0) {
      done += static_cast<std::size_t>(count);
    } else if (errno == EPIPE) {
      return fail(ErrorCode::closed, "nobody reads the output");
    } else if (errno != EINTR && errno != EAGAIN) {
      const int error = errno;
      const std::size_t torn = done - (chunk.substr(0, done).rfind('\n') + 1);
      const off_t end = is_file_ ? ::lseek(descriptor_, 0, SEEK_CUR) : -1;
      if (end >= 0 && ::ftruncate(descriptor_, end - static_cast<off_t>(torn)) != 0) {
        return fail(ErrorCode::system, std::generic_category().message(error) + "; its last line is incomplete");
      }
      const std::string_view whole = chunk.substr(0, done - torn);
      written_ += static_cast<std::uint64_t>(std::count(whole.begin(), whole.end(), '\n'));
      return fail(ErrorCode::system, std::generic_category().message(error));
    }
  }
  return {};
}

}  // namespace zebu::producer
