#include "producer/map/line_reader.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <poll.h>
#include <system_error>
#include <unistd.h>

namespace zebu::producer {
namespace {

constexpr std::size_t kChunk = 64 * 1024;
constexpr const char* kSpace = " \t\r\n";

std::string trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(kSpace) - first + 1));
}

}  // namespace

Result<std::optional<Line>> LineReader::next() {
  for (;;) {
    const std::size_t newline = buffer_.find('\n', searched_);
    if (newline != std::string::npos) return take(newline - at_, 1);
    searched_ = buffer_.size();
    if (buffer_.size() - at_ > max_line_) {
      skipped_ += buffer_.size() - at_;
      buffer_.clear();
      at_ = searched_ = 0;
    }
    const auto got = read_more();
    if (!got) return tl::make_unexpected(got.error());
    if (*got == Got::stopped) return std::nullopt;
    if (*got == Got::end) {
      if (buffer_.size() == at_ && skipped_ == 0) return std::nullopt;
      return take(buffer_.size() - at_, 0);
    }
  }
}

Line LineReader::take(std::size_t length, std::size_t newline) {
  Line line;
  line.number = ++number_;
  line.bytes = skipped_ + length + newline;
  line.is_too_long = skipped_ > 0 || length > max_line_;
  if (!line.is_too_long) line.text = trimmed(std::string_view(buffer_).substr(at_, length));
  skipped_ = 0;
  at_ += length + newline;
  searched_ = at_;
  return line;
}

Result<LineReader::Got> LineReader::read_more() {
  std::array<pollfd, 2> watched{pollfd{descriptor_, POLLIN, 0}, pollfd{stop_, POLLIN, 0}};
  while (::poll(watched.data(), watched.size(), -1) < 0) {
    if (errno != EINTR) return fail(ErrorCode::system, "poll: " + std::generic_category().message(errno));
  }
  if (watched[1].revents != 0) return Got::stopped;
  buffer_.erase(0, at_);
  searched_ -= at_;
  at_ = 0;
  const std::size_t had = buffer_.size();
  buffer_.resize(had + kChunk);
  const ssize_t got = ::read(descriptor_, buffer_.data() + had, kChunk);
  const int error = errno;
  buffer_.resize(had + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  if (got < 0 && error != EINTR && error != EAGAIN)
    return fail(ErrorCode::system, std::generic_category().message(error));
  return got == 0 ? Got::end : Got::bytes;
}

}  // namespace zebu::producer
