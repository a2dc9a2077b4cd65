#pragma once

#include "zebu/error.h"
#include "zebu/job.h"

#include <cstdint>
#include <optional>
#include <string>

namespace zebu::consumer {

// No valid frame comes near this size: a longer one is garbage.
inline constexpr std::uint32_t kMaxFrame = 1U << 30;

// Bytes that either end reads from the stream at once.
inline constexpr std::size_t kReadSize = 64U << 10;

// How many bytes can be read from a stream now.
[[nodiscard]] std::size_t waiting_bytes(int descriptor);

// Reassembles the frames of protocol.h from the bytes of a stream.
class FrameStream {
 public:
  void append(const char* bytes, std::size_t count);
  // The payload of the next frame, or nullopt if it is not complete yet. Valid until the next append. Fails if the
  // frame is longer than kMaxFrame.
  [[nodiscard]] Result<std::optional<Bytes>> next();

 private:
  std::string buffer_;
  std::size_t at_ = 0;
};

}  // namespace zebu::consumer
