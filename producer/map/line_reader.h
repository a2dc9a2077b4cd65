#pragma once

#include "zebu/error.h"

#include <cstdint>
#include <optional>
#include <string>

namespace zebu::producer {

struct Line {
  std::string text;          // without its newline and the white space around it
  std::uint64_t number = 0;  // from 1
  std::uint64_t bytes = 0;   // that it took in the file
  bool is_too_long = false;  // then `text` is empty
};

// Lines of a file, pipe or terminal, in bounded memory. One thread.
class LineReader {
 public:
  // Both descriptors stay the caller's. `stop`: once it is readable there are no more lines.
  LineReader(int descriptor, int stop, std::size_t max_line)
      : descriptor_(descriptor), stop_(stop), max_line_(max_line) {}

  // The next line; nothing at the end or after stop. The last line needs no newline. Error `system`: reading failed.
  [[nodiscard]] Result<std::optional<Line>> next();

 private:
  enum class Got { bytes, end, stopped };
  [[nodiscard]] Result<Got> read_more();
  [[nodiscard]] Line take(std::size_t length, std::size_t newline);

  int descriptor_;
  int stop_;
  std::size_t max_line_;
  std::string buffer_;
  std::size_t at_ = 0;        // where the next line begins
  std::size_t searched_ = 0;  // no newline before this
  std::uint64_t number_ = 0;
  std::uint64_t skipped_ = 0;  // bytes of the line at `at_` that were dropped, because it is too long
};

}  // namespace zebu::producer
