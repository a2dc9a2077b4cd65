#pragma once

#include "zebu/job.h"

#include <algorithm>
#include <cstdint>

namespace zebu::broker {

// Whether a consumer's attempts come to a good end. One whose last attempts all failed is poor: while another consumer
// could have its jobs, it gets one at a time, and after each failure a longer pause, or it would take most of them by
// failing quickly.
class Health {
 public:
  void succeeded() { failures_ = 0; }
  void failed(TimePoint now) {
    ++failures_;
    if (is_poor()) tries_at_ = now + pause();
  }
  // Its last attempt failed.
  [[nodiscard]] bool has_failed() const { return failures_ > 0; }
  [[nodiscard]] bool is_poor() const { return failures_ >= kPoor; }
  // When a poor one may have its next job.
  [[nodiscard]] TimePoint tries_at() const { return tries_at_; }

 private:
  static constexpr std::uint32_t kPoor = 5;  // failures in a row
  static constexpr std::uint32_t kLongest = 8;

  // 50 ms after the first such failure, then twice as long each time, up to 12.8 s.
  [[nodiscard]] std::chrono::milliseconds pause() const {
    return std::chrono::milliseconds(50) * (1U << std::min(failures_ - kPoor, kLongest));
  }

  std::uint32_t failures_ = 0;
  TimePoint tries_at_{};
};

}  // namespace zebu::broker
