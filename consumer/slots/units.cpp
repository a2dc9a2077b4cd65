#include "consumer/slots/units.h"

#include <cstdio>

namespace zebu::consumer {

std::string readable(std::chrono::milliseconds time) {
  if (time.count() < 1000) return std::to_string(time.count()) + " ms";
  char text[32];
  std::snprintf(text, sizeof text, "%.9g s", static_cast<double>(time.count()) / 1000);
  return text;
}

std::string readable_bytes(std::size_t bytes) {
  constexpr std::size_t kMiB = 1U << 20;
  return bytes % kMiB == 0 ? std::to_string(bytes / kMiB) + " MiB" : std::to_string(bytes) + " bytes";
}

}  // namespace zebu::consumer
