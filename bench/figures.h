#pragma once

#include <chrono>
#include <string>
#include <utility>
#include <vector>

// What the drivers print: one line "name value" for each figure, so that the scripts can make tables of them.
namespace zebu::bench {

using Clock = std::chrono::steady_clock;

// Round trips, and what they say.
class Latencies {
 public:
  void add(Clock::duration took) { micros_.push_back(std::chrono::duration<double, std::micro>(took).count()); }
  // share: 0.5 is the median. Needs at least one.
  [[nodiscard]] double percentile_us(double share);
  // PREFIX_p50_us, PREFIX_p99_us, PREFIX_max_us and PREFIX_count.
  void print(const std::string& prefix);

 private:
  std::vector<double> micros_;
};

void print_figure(const std::string& name, double value);

[[nodiscard]] inline double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

}  // namespace zebu::bench
