#pragma once

#include "zebu/job.h"

#include <cstdint>
#include <optional>
#include <string>

namespace zebu::producer {

struct MapProgress {
  std::uint64_t done = 0;
  std::uint64_t failed = 0;
  std::uint64_t skipped = 0;  // in the output already
  std::uint64_t under_way = 0;
  std::uint64_t input_bytes = 0;            // of the lines that are done or skipped
  std::optional<std::uint64_t> input_size;  // when the input is a file
  std::chrono::microseconds elapsed{0};
};

// [=====>    ]  53 %  12,345 done  1,234/s  10,000 under way  2 failed  12 s left
[[nodiscard]] std::string progress_text(const MapProgress& progress);

// "[=====>    ]  53 %  " of 0 to 1.
[[nodiscard]] std::string share_bar(double share);

// One line on a terminal's stderr that is written over and over; nothing where stderr is no terminal.
class ProgressBar {
 public:
  ProgressBar();
  // Shows `progress` when the last time is long enough ago.
  void update(const MapProgress& progress);
  // Removes the line, before something else is written.
  void clear();
  // How long to wait for the next update at most; nothing without a terminal.
  [[nodiscard]] std::optional<std::chrono::milliseconds> pace() const;

 private:
  bool is_terminal_;
  bool is_shown_ = false;
  TimePoint shown_at_{};
};

}  // namespace zebu::producer
