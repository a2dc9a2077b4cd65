#pragma once

#include "zebu/error.h"

#include <cstdint>
#include <optional>
#include <string>

namespace zebu::producer {

struct Line {
  std::string text;          // without its newline and surrounding white space
  std::uint64_t number = 0;  // from 1
  std::uint64_t bytes = 0;   // its length in the file, with newline and white space
  bool is_too_long = false;  // then `text` is empty
};

// Reads lines from a file, pipe or terminal, in bounded memory. Not thread-safe.
class LineReader {
 public:
  // The caller keeps ownership of both descriptors. Reading ends once `stop` is readable. Longer lines than `max_line`
  // bytes are returned with is_too_long.
  LineReader(int descriptor, int stop, std::size_t max_line)
      : descriptor_(descriptor), stop_(stop), max_line_(max_line) {}

  // The next line; nullopt at the end or after stop. The last line needs no newline. Error `system`: reading failed.
  [[nodiscard]] Result<std::optional<Line>> next();

 private:
  enum class Got { bytes, end, stopped };
  [[nodiscard]] Result<Got> read_more();
  [[nodiscard]] Line take(std::size_t length, std::size_t newline);

  int descriptor_;
  int stop_;
  std::size_t max_line_;
  std::string buffer_;
  std::size_t at_ = 0;        // start of the next line
  std::size_t searched_ = 0;  // there is no newline between at_ and this
  std::uint64_t number_ = 0;
  std::uint64_t skipped_ = 0;  // bytes dropped from the line at at_, which is too long
};

}  // namespace zebu::producer
