#pragma once

#include "broker/engine/engine_options.h"
#include "broker/records/records.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace zebu::broker {

struct Options : EngineOptions {
  std::string clients = "tcp://*:5555";
  std::string consumers = "tcp://*:5556";
  // Where durable jobs live: "sqlite:PATH", or "memory", where they are lost with the process.
  std::string store;
  // Bytes of the store's volume that are kept free for what becomes of accepted jobs: with less, new ones are refused.
  // Unset: 64 MiB, or an eighth of a smaller volume.
  std::optional<std::uint64_t> store_reserve = {};
  // While a commit is under way, the loop spins this long for its end before it sleeps, and so does the store's thread
  // for the next one. On a disk that syncs within 0.2 ms a commit of one job is done sooner; on a slower one both soon
  // spin rarely (AdaptiveSpin). While few jobs run, the loop likewise spins for the outcome of a short one.
  std::chrono::microseconds spin{250};
  std::uint64_t max_message = 16ULL << 20;
  // For all messages in parts that have come half, of all peers.
  std::uint64_t intake = 256ULL << 20;
  // Arguments and results of more bytes than large_value are stored in pieces before their job is accepted or finished:
  // how many bytes of them go with one commit, and how many may wait for that in memory. A store keeps no pieces of
  // values of up to kLargeValue bytes.
  std::size_t large_value = kLargeValue;
  std::size_t value_piece = 256U << 10;
  std::size_t held_values = 512U << 20;
  std::string log_level = "info";
  std::string log_format = "text";  // or "json"
};

}  // namespace zebu::broker
