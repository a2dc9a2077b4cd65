#pragma once

#include "zebu/error.h"
#include "zebu/job.h"

#include <cstdint>
#include <optional>
#include <string>

namespace zebu::consumer {

// No outcome comes near it: a longer frame is garbage.
inline constexpr std::uint32_t kMaxFrame = 1U << 30;

// How much either end reads from the stream at once.
inline constexpr std::size_t kReadSize = 64U << 10;

// Puts the frames of protocol.h together again from what a stream gives.
class FrameStream {
 public:
  void append(const char* bytes, std::size_t count);
  // What stands behind the length of the next whole frame, if it is there; it lives until the next append. Fails when
  // the frame would be longer than kMaxFrame.
  [[nodiscard]] Result<std::optional<Bytes>> next();

 private:
  std::string buffer_;
  std::size_t at_ = 0;
};

}  // namespace zebu::consumer
