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

struct FrameHead {
  std::uint32_t length;  // of the rest
  std::uint32_t check;
};

// Numbers the frames of a stream.
class FrameCount {
 public:
  [[nodiscard]] FrameHead next_head(std::uint32_t length);
  // Whether the head belongs to the next frame.
  [[nodiscard]] bool expects(const FrameHead& head) const;
  // The same; then the frame is counted.
  [[nodiscard]] bool takes(const FrameHead& head);

 private:
  std::uint32_t frames_ = 0;
};

// Reassembles the frames of protocol.h from the bytes of a stream.
class FrameStream {
 public:
  void append(const char* bytes, std::size_t count);
  // The payload of the next frame, or nullopt if it is not complete yet. Valid until the next append. Fails if what
  // comes is not the head of the next frame, or if the frame is longer than kMaxFrame.
  [[nodiscard]] Result<std::optional<Bytes>> next();
  // After next() has failed: drops bytes up to the next frame's head. Returns how many, at least 1. The head may still
  // have to come; then next() fails again when it has more bytes that are none.
  std::size_t skip_garbage();

 private:
  std::string buffer_;
  std::size_t at_ = 0;
  std::optional<std::uint32_t> length_;  // of the next frame, whose head was taken
  FrameCount frames_;
};

}  // namespace zebu::consumer
