#pragma once

#include "zebu/error.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace zebu::producer {

// Gathers lines and writes whole ones only: whoever ends the program between two calls leaves no half-written line.
// One thread.
class LineWriter {
 public:
  // Both descriptors stay the caller's. `stop`: once it is readable, a pipe whose reader has fallen asleep is not
  // waited for any longer.
  LineWriter(int descriptor, int stop);

  // A line without its newline.
  void add(std::string_view line);
  // True when so much has gathered that it should leave before more is added.
  [[nodiscard]] bool is_full() const { return buffer_.size() >= kFull; }
  // Writes all that was added. Errors: `closed`, nobody reads the pipe any more (or not before stop); `system`, with
  // the cause. After an error a file is cut back to its last whole line, and nothing more is written.
  [[nodiscard]] Result<void> flush();
  // Lines that have been written.
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
