#pragma once

#include <chrono>
#include <thread>

namespace zebu::test {

// Time limits in tests are written for an ordinary build; sanitizers make everything several times slower.
inline std::chrono::milliseconds scaled(std::chrono::milliseconds limit) {
#ifdef ZEBU_SANITIZED
  return limit * 5;
#else
  return limit;
#endif
}

// True as soon as `condition()` holds, false when it does not within the (scaled) limit. For conditions that nothing
// announces; it is the only place in the tests that pauses.
template <typename Condition>
[[nodiscard]] bool eventually(Condition&& condition, std::chrono::milliseconds limit = std::chrono::seconds(5)) {
  const auto deadline = std::chrono::steady_clock::now() + scaled(limit);
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(3));
  }
  return true;
}

}  // namespace zebu::test
