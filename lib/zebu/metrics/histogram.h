#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace zebu::metrics {

// How often something took how long, from a millisecond to an hour. One thread.
class Histogram {
 public:
  // The upper bounds of its buckets, each with what Prometheus calls it; a last one has none.
  struct Bound {
    std::chrono::microseconds most;
    std::string_view seconds;
  };
  static constexpr std::array kBounds = {
      Bound{std::chrono::milliseconds(1), "0.001"}, Bound{std::chrono::milliseconds(3), "0.003"},
      Bound{std::chrono::milliseconds(10), "0.01"}, Bound{std::chrono::milliseconds(30), "0.03"},
      Bound{std::chrono::milliseconds(100), "0.1"}, Bound{std::chrono::milliseconds(300), "0.3"},
      Bound{std::chrono::seconds(1), "1"},          Bound{std::chrono::seconds(3), "3"},
      Bound{std::chrono::seconds(10), "10"},        Bound{std::chrono::seconds(30), "30"},
      Bound{std::chrono::seconds(100), "100"},      Bound{std::chrono::seconds(300), "300"},
      Bound{std::chrono::seconds(1000), "1000"},    Bound{std::chrono::seconds(3600), "3600"},
  };

  // A negative duration counts as 0, and one of more than a year as a year: others may tell how long something took.
  static constexpr std::chrono::hours kMost{366 * 24};
  template <class Rep, class Period>
  void observe(std::chrono::duration<Rep, Period> took) {
    const auto rounded = std::chrono::duration_cast<std::chrono::microseconds>(took);
    const auto us = std::clamp<std::chrono::microseconds>(rounded, std::chrono::microseconds(0), kMost);
    std::size_t i = 0;
    while (i < kBounds.size() && us > kBounds[i].most) ++i;
    ++counts_[i];
    sum_us_ += static_cast<std::uint64_t>(us.count());
  }

  // Of each bucket alone, not of those below it as well.
  [[nodiscard]] const std::array<std::uint64_t, kBounds.size() + 1>& counts() const { return counts_; }
  [[nodiscard]] double sum_seconds() const { return static_cast<double>(sum_us_) / 1e6; }

 private:
  std::array<std::uint64_t, kBounds.size() + 1> counts_{};
  std::uint64_t sum_us_ = 0;
};

}  // namespace zebu::metrics
