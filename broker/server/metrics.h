#pragma once

#include "broker/engine/engine.h"
#include "broker/server/report.h"
#include "zebu/metrics/text.h"

#include <array>
#include <span>
#include <string>

namespace zebu::broker {

// Of ErrorCode.
inline constexpr std::size_t kErrorCodes = static_cast<std::size_t>(ErrorCode::system) + 1;

// What the loop counts beside the engine, for --metrics.
struct LoopCounts {
  metrics::Histogram commit;                        // how long commits took
  metrics::Histogram lag;                           // how late what comes once a second came
  std::array<std::uint64_t, kErrorCodes> errors{};  // messages that were answered with ERROR, by code

  void error(ErrorCode code) { ++errors.at(static_cast<std::size_t>(code)); }
};

// The broker's metrics, in the order in which metrics_text() writes them. docs/operations.md has the same table.
[[nodiscard]] std::span<const metrics::Row> all_metrics();

// All of them. Its cost grows with the queues, and with the series of EngineOptions::metric_series.
[[nodiscard]] std::string metrics_text(const Engine& engine, const ServerFacts& server, const LoopCounts& loop,
                                       Moment now);

}  // namespace zebu::broker
