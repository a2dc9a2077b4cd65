#include "consumer/slots/process/frame_stream.h"

#include <sys/ioctl.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace zebu::consumer {
namespace {

// Not 0 for a frame of zeros, and another one for each number.
std::uint32_t check_of(std::uint32_t length, std::uint32_t number) {
  return (length ^ 0x5a454255U) * 2654435761U + number * 40503U;
}

}  // namespace

std::size_t waiting_bytes(int descriptor) {
  int count = 0;
  if (descriptor < 0 || ::ioctl(descriptor, FIONREAD, &count) != 0) return 0;
  return static_cast<std::size_t>(std::max(count, 0));
}

FrameHead FrameCount::next_head(std::uint32_t length) { return {length, check_of(length, frames_++)}; }

bool FrameCount::expects(const FrameHead& head) const { return head.check == check_of(head.length, frames_); }

bool FrameCount::takes(const FrameHead& head) {
  if (!expects(head)) return false;
  ++frames_;
  return true;
}

void FrameStream::append(const char* bytes, std::size_t count) {
  buffer_.erase(0, at_);
  at_ = 0;
  buffer_.append(bytes, count);
}

Result<std::optional<Bytes>> FrameStream::next() {
  if (!length_) {
    FrameHead head{};
    if (buffer_.size() - at_ < sizeof head) return std::nullopt;
    std::memcpy(&head, buffer_.data() + at_, sizeof head);
    if (!frames_.takes(head)) return fail(ErrorCode::bad_message, "bytes that are not a message");
    if (head.length > kMaxFrame) {
      return fail(ErrorCode::bad_message, "a frame of " + std::to_string(head.length) + " bytes");
    }
    at_ += sizeof head;
    length_ = head.length;
  }
  if (buffer_.size() - at_ < *length_) return std::nullopt;
  const Bytes frame = Bytes(buffer_).substr(at_, *length_);
  at_ += *std::exchange(length_, std::nullopt);
  return frame;
}

std::size_t FrameStream::skip_garbage() {
  const std::size_t begin = at_;
  for (FrameHead head{}; buffer_.size() - at_ >= sizeof head; ++at_) {
    std::memcpy(&head, buffer_.data() + at_, sizeof head);
    if (at_ > begin && frames_.expects(head) && head.length <= kMaxFrame) break;
  }
  return at_ - begin;
}

}  // namespace zebu::consumer
