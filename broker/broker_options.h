#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace zebu::broker {

struct Options {
  std::string clients = "tcp://*:5555";
  std::string consumers = "tcp://*:5556";
  // Where durable jobs live: "sqlite:PATH", or "memory", where they are lost with the process.
  std::string store;
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
  // How long an outcome is kept when its job does not say; a failed one is kept until it is retried or purged.
  std::chrono::milliseconds result_ttl{std::chrono::hours(24)};
  // A job whose process died so often, or whose consumer was lost so often, is failed.
  std::uint32_t max_crashes = 3;
  std::uint32_t max_losses = 10;
  // Finished transient jobs that are kept, and bytes of finished jobs in memory (JobTable::trim_finished).
  std::uint64_t keep = 10'000;
  std::uint64_t keep_bytes = 256ULL << 20;
  // Jobs that one client may have submitted and not seen accepted.
  std::uint32_t grant = 10'000;
  // While a commit is under way, how long the loop looks for its end before it sleeps, and as long the store's thread
  // for the next one. A commit of one job is done sooner, on a disk that syncs in up to 0.2 ms; on others both soon
  // look seldom (BriefLooks).
  std::chrono::microseconds spin{250};
  std::uint64_t max_message = 16ULL << 20;
  std::uint64_t max_peers = 10'000;
  std::uint64_t max_queues = 10'000;
  std::string log_level = "info";

  // Peers and broker speak at least this often.
  [[nodiscard]] std::chrono::milliseconds beat() const { return liveness / 3; }
};

// What `zebu-broker check`, `backup` and `compact` are told.
struct MaintenanceOptions {
  std::string command;  // empty: none, the broker is to run
  std::string to;       // backup: the file to write
  bool force = false;   // backup: replace it
};

}  // namespace zebu::broker
