#include "consumer/pace.h"

#include <algorithm>
#include <cmath>

namespace zebu::consumer {
namespace {

constexpr double kWeight = 1.0 / 16;  // of the newest job in the moving average
constexpr double kReadyUs = 2000;
constexpr double kInSlotUs = 300;
constexpr double kLongUs = 10'000;
constexpr double kMaxPrefetch = 512;
constexpr double kMaxBatch = 256;

}  // namespace

void Pace::add(std::chrono::microseconds ran) {
  const auto us = static_cast<double>(ran.count());
  average_us_ = average_us_ ? *average_us_ + (us - *average_us_) * kWeight : us;
}

bool Pace::is_short() const { return average_us_ && *average_us_ <= kLongUs; }

std::size_t Pace::prefetch() const {
  if (!is_short()) return 0;
  return static_cast<std::size_t>(std::min(kMaxPrefetch, std::ceil(kReadyUs / std::max(*average_us_, 1.0))));
}

std::size_t Pace::batch() const {
  if (!is_short()) return 1;
  return static_cast<std::size_t>(std::clamp(kInSlotUs / std::max(*average_us_, 1.0), 2.0, kMaxBatch));
}

}  // namespace zebu::consumer
