#pragma once

#include "scrape/options.h"
#include "zebu/wire/message.h"

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace zebu::consumer {

inline constexpr std::size_t kMaxSlots = 4096;
inline constexpr std::size_t kMinSlotMemory = 32U << 20;  // enough for a slot's process to start and run small tasks
inline constexpr std::size_t kMaxSlotMemory = std::size_t{1} << 50;

// What a slot is.
enum class PoolKind { processes, threads };

// What happens to running attempts when the broker may not hear this consumer any more.
enum class OnSilence { keep, stop };

// A consumer's options. docs/operations.md lists them for users.
struct ConsumerOptions {
  std::string broker = "tcp://127.0.0.1:5556";  // the broker's endpoint for consumers
  std::size_t slots = 1;                        // jobs at the same time; the program's default is one per core
  std::vector<std::string> queues{"default"};
  std::string name;  // shown by the broker; the program's default is HOST-PID
  PoolKind pool = PoolKind::processes;
  std::chrono::milliseconds liveness{3000};  // how long the broker may be silent, until its WELCOME sets the limit
  OnSilence on_silence = OnSilence::keep;
  std::chrono::milliseconds drain_timeout{30'000};  // how long running jobs may take after SIGTERM
  std::chrono::milliseconds cancel_grace{1000};     // how long a cancelled task that has a token may go on
  std::optional<std::size_t> slot_memory;           // limit of the data of a slot's process, in bytes
  std::optional<std::size_t> max_jobs_per_child;    // a slot's process is replaced after this many
  scrape::Options metrics;
  std::string program = "zebu-consumer";  // the name of the slots' processes
  std::string log_level = "info";
  std::string log_format = "text";  // or "json"
};

}  // namespace zebu::consumer
