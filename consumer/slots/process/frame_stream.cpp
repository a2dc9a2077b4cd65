#include "consumer/slots/process/frame_stream.h"

#include <cstdint>
#include <cstring>

namespace zebu::consumer {

void append_frame(std::string& to, const Frame& frame) {
  const Bytes bytes = frame.bytes();
  const auto length = static_cast<std::uint32_t>(bytes.size());
  char prefix[sizeof length];
  std::memcpy(prefix, &length, sizeof length);
  to.append(prefix, sizeof prefix).append(bytes);
}

void FrameStream::append(const char* bytes, std::size_t count) {
  buffer_.erase(0, at_);
  at_ = 0;
  buffer_.append(bytes, count);
}

std::optional<Bytes> FrameStream::next() {
  std::uint32_t length = 0;
  if (buffer_.size() - at_ < sizeof length) return std::nullopt;
  std::memcpy(&length, buffer_.data() + at_, sizeof length);
  if (buffer_.size() - at_ - sizeof length < length) return std::nullopt;
  const Bytes frame = Bytes(buffer_).substr(at_ + sizeof length, length);
  at_ += sizeof length + length;
  return frame;
}

}  // namespace zebu::consumer
