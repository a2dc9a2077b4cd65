#pragma once

#include "zebu/error.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace zebu::producer {

// Buffers lines and writes only whole ones: a program that is killed between two calls leaves no half-written line. Not
// thread-safe.
class LineWriter {
 public:
  // The caller keeps ownership of both descriptors. Once `stop` is readable, flush() no longer waits for a pipe whose
  // reader does not read.
  LineWriter(int descriptor, int stop);

  // A line without its newline.
  void add(std::string_view line);
  // Whether enough is buffered to call flush() before the next add().
  [[nodiscard]] bool is_full() const { return buffer_.size() >= kFull; }
  // Writes the buffered lines. Errors: `closed` if the pipe's reader is gone, or did not read before stop; `system`
  // with the cause. After an error a file is truncated to its last whole line, and the rest of the buffer is dropped.
  [[nodiscard]] Result<void> flush();
  // How many lines have been written.
  [[nodiscard]] std::uint64_t written() const { return written_; }

 private:
  static constexpr std::size_t kFull = 64 * 1024;

  [[nodiscard]] std::size_t next_chunk(std::size_t from) const;
  [[nodiscard]] Result<void> wait_writable() const;
  [[nodiscard]] Result<void> write_chunk(std::string_view chunk);

  int descriptor_;
  int stop_;
  bool is_file_;
  std::string buffer_;
  std::uint64_t written_ = 0;
};

}  // namespace zebu::producer
