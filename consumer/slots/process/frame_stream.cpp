#include "consumer/slots/process/frame_stream.h"

#include <sys/ioctl.h>

#include <algorithm>
#include <cstring>

namespace zebu::consumer {

std::size_t waiting_bytes(int descriptor) {
  int count = 0;
  if (descriptor < 0 || ::ioctl(descriptor, FIONREAD, &count) != 0) return 0;
  return static_cast<std::size_t>(std::max(count, 0));
}

void FrameStream::append(const char* bytes, std::size_t count) {
  buffer_.erase(0, at_);
  at_ = 0;
  buffer_.append(bytes, count);
}

Result<std::optional<Bytes>> FrameStream::next() {
  std::uint32_t length = 0;
  if (buffer_.size() - at_ < sizeof length) return std::nullopt;
  std::memcpy(&length, buffer_.data() + at_, sizeof length);
  if (length > kMaxFrame) return fail(ErrorCode::bad_message, "a frame of " + std::to_string(length) + " bytes");
  if (buffer_.size() - at_ - sizeof length < length) return std::nullopt;
  const Bytes frame = Bytes(buffer_).substr(at_ + sizeof length, length);
  at_ += sizeof length + length;
  return frame;
}

}  // namespace zebu::consumer
