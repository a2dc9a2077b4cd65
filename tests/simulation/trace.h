#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace zebu::simulation {

using Time = std::chrono::microseconds;  // since the run began

// A check that did not hold.
struct Violation {
  std::string check;
  std::string what;
};

// What happened, in order: a hash of all of it, and the text of the last of it.
class Trace {
 public:
  // Keeps the newest `lines` lines.
  explicit Trace(std::size_t lines) : lines_(lines) {}
  // `what` has a % for each value. It is not copied: a literal.
  void note(Time at, std::string_view what, std::initializer_list<std::uint64_t> values);
  [[nodiscard]] std::uint64_t hash() const { return hash_; }
  // Oldest first.
  [[nodiscard]] std::string text() const;

 private:
  struct Line {
    Time at{};
    std::string_view what;
    std::array<std::uint64_t, 4> values{};
  };
  std::vector<Line> lines_;
  std::uint64_t count_ = 0;
  std::uint64_t hash_ = 0xcbf29ce484222325ULL;
};

}  // namespace zebu::simulation
