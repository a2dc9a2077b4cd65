#pragma once

#include <chrono>
#include <cstdint>

namespace zebu::broker {

// The limits and times that the engine keeps to.
struct EngineOptions {
  // A peer that is silent for so long is lost, and its jobs go back. Lower finds dead peers sooner, and gives up sooner
  // on machines that swap.
  std::chrono::milliseconds liveness{3000};
  // Jobs and bytes that may be queued in one queue; past it submitters are refused.
  std::uint64_t queue_limit = 20'000'000;
  std::uint64_t queue_bytes = 16ULL << 30;
  // The same of transient jobs, which live in memory only.
  std::uint64_t transient_limit = 1'000'000;
  std::uint64_t transient_bytes = 1ULL << 30;
  // Queued durable jobs of one queue that are in memory, and scheduled ones; the rest is in the store until they are
  // needed. More costs memory, less costs reads.
  std::uint64_t window = 20'000;
  // How long an outcome is kept when its job does not say. Failed durable jobs are kept for longer, because people look
  // at them, unless their queue has too many; then the oldest go.
  std::chrono::milliseconds result_ttl{std::chrono::hours(24)};
  std::chrono::milliseconds failed_ttl{std::chrono::hours(30 * 24)};
  std::uint64_t failed_limit = 1'000'000;
  // A job whose process died so often, or whose consumer was lost so often, is failed.
  std::uint32_t max_crashes = 3;
  std::uint32_t max_losses = 10;
  // Finished transient jobs that are kept, and bytes of finished jobs in memory (JobTable::trim_finished).
  std::uint64_t keep = 10'000;
  std::uint64_t keep_bytes = 256ULL << 20;
  // Jobs that one client may have submitted and not seen accepted.
  std::uint32_t grant = 10'000;
  std::uint64_t max_peers = 10'000;
  std::uint64_t max_queues = 10'000;
  // Different pairs of queue and task whose jobs may wait at the same time.
  std::uint64_t max_lines = 100'000;
  // Series of each metric that is counted by queue or task; 0: nothing is counted (jobs/counts.h).
  std::uint64_t metric_series = 0;
  // Whether Effects tells each move of a job, for the log.
  bool tells_moves = false;

  // Peers and broker speak at least this often.
  [[nodiscard]] std::chrono::milliseconds beat() const { return liveness / 3; }
};

}  // namespace zebu::broker
