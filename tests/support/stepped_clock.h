#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

namespace zebu::test {

// The wall clock of one or more programs, which steps while they run (tests/step_clock). Not for a program with a
// sanitizer, whose run time wants to be loaded first.
class SteppedClock {
 public:
  // file: is made, and must be there as long as the programs run.
  explicit SteppedClock(std::filesystem::path file);
  ~SteppedClock();
  SteppedClock(const SteppedClock&) = delete;

  // What a program needs in its environment to go by this clock.
  [[nodiscard]] std::map<std::string, std::string> environment() const;
  // So far the clock is ahead of the true one from now on; negative: behind it.
  void set(std::chrono::nanoseconds ahead);

 private:
  std::filesystem::path file_;
  void* mapped_;
};

}  // namespace zebu::test
