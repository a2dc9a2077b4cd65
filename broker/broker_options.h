#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace zebu::broker {

struct Options {
  std::string clients = "tcp://*:5555";
  std::string consumers = "tcp://*:5556";
  // Where durable jobs live. "memory": they are lost with the process.
  std::string store = "memory";
  // A peer that is silent for so long is lost, and its jobs go back. Lower finds dead peers sooner, and gives up sooner
  // on machines that swap.
  std::chrono::milliseconds liveness{3000};
  // Jobs and bytes that may be queued in one queue; past it submitters are refused.
  std::uint64_t queue_limit = 1'000'000;
  std::uint64_t queue_bytes = 1ULL << 30;
  // Finished jobs, and bytes of them, that are remembered for who asks later; the oldest are forgotten first.
  std::uint64_t keep = 10'000;
  std::uint64_t keep_bytes = 256ULL << 20;
  // Jobs that one client may have submitted and not seen accepted.
  std::uint32_t grant = 10'000;
  std::uint64_t max_message = 16ULL << 20;
  std::uint64_t max_peers = 10'000;
  std::uint64_t max_queues = 10'000;
  std::string log_level = "info";

  // Peers and broker speak at least this often.
  [[nodiscard]] std::chrono::milliseconds beat() const { return liveness / 3; }
};

}  // namespace zebu::broker
