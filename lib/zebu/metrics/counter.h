#pragma once

#include <cstdint>

namespace zebu::metrics {

// A count of what has happened, which never goes down: what was counted by mistake is left out the next time. One
// thread.
class Counter {
 public:
  void add() {
    if (owed_ > 0) {
      --owed_;
    } else {
      ++value_;
    }
  }
  void add(std::uint64_t count) { value_ += count; }
  void take_back() { ++owed_; }
  [[nodiscard]] std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_ = 0;
  std::uint64_t owed_ = 0;
};

}  // namespace zebu::metrics
