#pragma once

#include "zebu/metrics/text.h"

#include <span>
#include <string>

namespace zebu::scrape {

// What every program of ours has: what it is, and what it takes of the machine, under the names that Prometheus' own
// client libraries use. Of the thread that serves the metrics: /proc takes a moment to read.
class ProcessMetrics {
 public:
  ProcessMetrics();

  [[nodiscard]] static std::span<const metrics::Row> all();
  void write(metrics::Text& to) const;

 private:
  std::string build_;
  double started_;  // seconds since 1970
};

}  // namespace zebu::scrape
