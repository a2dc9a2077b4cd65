#include "bench/figures.h"

#include <algorithm>
#include <cstdio>

namespace zebu::bench {

double Latencies::percentile_us(double share) {
  std::sort(micros_.begin(), micros_.end());
  const auto at = static_cast<std::size_t>(share * static_cast<double>(micros_.size()));
  return micros_.at(std::min(at, micros_.size() - 1));
}

void Latencies::print(const std::string& prefix) {
  print_figure(prefix + "_p50_us", percentile_us(0.5));
  print_figure(prefix + "_p99_us", percentile_us(0.99));
  print_figure(prefix + "_max_us", percentile_us(1));
  print_figure(prefix + "_count", static_cast<double>(micros_.size()));
}

void print_figure(const std::string& name, double value) {
  std::printf("%s %.3f\n", name.c_str(), value);
  std::fflush(stdout);
}

}  // namespace zebu::bench
