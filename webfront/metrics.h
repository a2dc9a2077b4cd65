#pragma once

#include "http/answered.h"
#include "zebu/metrics/family.h"

#include <cstdint>
#include <limits>
#include <map>
#include <span>
#include <string>
#include <utility>

namespace zebu::http {
class Server;
}

namespace zebu::webfront {

class Gateway;

// What the front end counts for --metrics. One thread, the loop's.
struct Counts {
  std::uint64_t batches = 0;
  std::uint64_t lines_accepted = 0;  // of batches, as the next
  std::uint64_t lines_attached = 0;
  std::uint64_t lines_refused = 0;
  std::uint64_t lines_unconfirmed = 0;
  metrics::Histogram lag;  // how late what comes once a second came
  // By route and status; routes are those of the table, so there are few.
  metrics::Family<metrics::Histogram, 2> requests{{"route", "code"}, std::numeric_limits<std::size_t>::max()};

  void answered(const http::Answered& answer);

 private:
  std::map<std::pair<const http::Route*, unsigned>, metrics::Histogram*> found_;  // in requests
};

// The front end's metrics, in the order in which metrics_text() writes them. docs/operations.md has the same table.
[[nodiscard]] std::span<const metrics::Row> all_metrics();

[[nodiscard]] std::string metrics_text(const Counts& counts, const Gateway& gateway, const http::Server& server);

}  // namespace zebu::webfront
