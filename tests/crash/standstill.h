#pragma once

#include <atomic>
#include <chrono>
#include <thread>

namespace zebu::crash {

// Watches how long this machine gives a thread no processor, as long as it exists. A program that was to be silent for
// a moment may have been silent for so much longer.
class Standstill {
 public:
  Standstill() : thread_([this] { watch(); }) {}
  ~Standstill() {
    is_over_ = true;
    thread_.join();
  }
  Standstill(const Standstill&) = delete;

  [[nodiscard]] std::chrono::nanoseconds longest() const { return longest_.load(); }

 private:
  void watch() {
    constexpr std::chrono::milliseconds kStep{10};
    for (auto last = std::chrono::steady_clock::now(); !is_over_;) {
      std::this_thread::sleep_until(last + kStep);
      const auto now = std::chrono::steady_clock::now();
      if (const std::chrono::nanoseconds late = now - last - kStep; late > longest_.load()) longest_ = late;
      last = now;
    }
  }

  std::atomic<std::chrono::nanoseconds> longest_{std::chrono::nanoseconds(0)};
  std::atomic<bool> is_over_ = false;
  std::thread thread_;
};

}  // namespace zebu::crash
