#pragma once

#include "zebu/wire/message.h"

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace zebu::consumer {

inline constexpr std::size_t kMaxSlots = 4096;
inline constexpr std::size_t kMinSlotMemory = 32U << 20;  // a slot's process starts and runs small tasks
inline constexpr std::size_t kMaxSlotMemory = std::size_t{1} << 50;

// What a slot is.
enum class PoolKind { processes, threads };

// How a consumer runs; docs/operations.md has the same list for people.
struct ConsumerOptions {
  std::string broker = "tcp://127.0.0.1:5556";  // its consumers' endpoint
  std::size_t slots = 1;                        // jobs at the same time; the program's default is one a core
  std::vector<std::string> queues{"default"};
  std::string name;  // shown by the broker; the program's default is HOST-PID
  PoolKind pool = PoolKind::processes;
  std::chrono::milliseconds liveness{3000};  // the broker may be silent so long before its WELCOME says otherwise
  std::chrono::milliseconds drain_timeout{30'000};  // running jobs may take so long after SIGTERM
  std::chrono::milliseconds cancel_grace{1000};     // a task that sees its token may go on so long before it is killed
  std::optional<std::size_t> slot_memory;           // bytes of data that a slot's process may have
  std::optional<std::size_t> max_jobs_per_child;    // a slot's process is replaced after so many
  std::string program = "zebu-consumer";            // what the slots' processes are called
  std::string log_level = "info";
};

}  // namespace zebu::consumer
