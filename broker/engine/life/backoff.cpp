#include "broker/engine/life/backoff.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace zebu::broker {
namespace {

// A number in [0, 1) that is as good as random: splitmix64's mixing (Steele, Lea, Flood 2014) of the id and the count.
double spread(const JobId& id, std::uint32_t failures) {
  const auto words = std::bit_cast<Uuid::Words>(id.bytes);
  std::uint64_t z = words.first ^ words.second ^ (failures * 0x9e3779b97f4a7c15ULL);
  z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27U)) * 0x94d049bb133111ebULL;
  z ^= z >> 31U;
  return static_cast<double>(z >> 11U) * 0x1.0p-53;
}

}  // namespace

std::chrono::milliseconds backoff(const RetryPolicy& policy, const JobId& id, std::uint32_t failures) {
  if (policy.delay.count() == 0) return std::chrono::milliseconds(0);  // times infinity would be no number
  const auto cap = static_cast<double>(policy.cap.count());
  const double grown = static_cast<double>(policy.delay.count()) * std::pow(policy.factor, failures - 1.0);
  const double delay = std::min(cap, grown) * (1 - policy.jitter * spread(id, failures));
  return std::chrono::milliseconds(static_cast<std::int64_t>(delay));
}

}  // namespace zebu::broker
