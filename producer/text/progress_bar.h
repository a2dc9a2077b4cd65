#pragma once

#include "zebu/job.h"

#include <cstdint>
#include <optional>
#include <string>

namespace zebu::producer {

struct MapProgress {
  std::uint64_t done = 0;
  std::uint64_t failed = 0;
  std::uint64_t skipped = 0;  // already in the output
  std::uint64_t in_flight = 0;
  std::uint64_t input_bytes = 0;            // of the lines that are done or skipped
  std::optional<std::uint64_t> input_size;  // in bytes, if the input is a file
  std::chrono::microseconds elapsed{0};
};

// [=====>    ]  53 %  12,345 done  1,234/s  10,000 in flight  2 failed  12 s left
[[nodiscard]] std::string progress_text(const MapProgress& progress);

// "[=====>    ]  53 %  " for a share from 0 to 1.
[[nodiscard]] std::string share_bar(double share);

// A line on stderr that is redrawn in place. Shows nothing if stderr is not a terminal.
class ProgressBar {
 public:
  ProgressBar();
  // Shows `progress`, unless the last update is too recent.
  void update(const MapProgress& progress);
  // Removes the line. Call it before writing anything else to stderr.
  void clear();
  // The longest time between calls of update(); nullopt without a terminal.
  [[nodiscard]] std::optional<std::chrono::milliseconds> pace() const;

 private:
  bool is_terminal_;
  bool is_shown_ = false;
  TimePoint shown_at_{};
};

}  // namespace zebu::producer
