#pragma once

#include "zebu/wire/codec.h"

#include <optional>
#include <string>

namespace zebu::consumer {

// Messages between a consumer and its slots' processes: the frames of docs/protocol.md, each behind its length.
//
//   ┌ length: 4 bytes, this machine's order ┬ frame ┐
//
//   to the child                          │ from the child
//   ASSIGN    run these                   │ OUTCOME   these have ended
//   STOP      these are cancelled         │ RETURN    these were recalled
//   RETURN    recall what has not started │ PROGRESS  what these tell
//   CANCEL    this one's soft limit came  │
//   PROGRESS  what else is there to tell? │
//
// Both ends are the same binary.
void append_frame(std::string& to, const Frame& frame);

// How much either end reads from the stream at once.
inline constexpr std::size_t kReadSize = 64U << 10;

// Puts frames together again from what a stream gives.
class FrameStream {
 public:
  void append(const char* bytes, std::size_t count);
  // The next whole frame; it lives until the next append.
  [[nodiscard]] std::optional<Bytes> next();

 private:
  std::string buffer_;
  std::size_t at_ = 0;
};

}  // namespace zebu::consumer
