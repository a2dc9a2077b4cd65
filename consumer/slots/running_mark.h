#pragma once

#include "consumer/slots/slot.h"

#include <atomic>
#include <cstdint>
#include <cstring>
#include <optional>

namespace zebu::consumer {

// The attempt that a slot's process runs, in memory shared with its parent. While the process lives, it says how long
// the attempt has run; after the process has died, which attempt died with it. The worker writes. The parent reads, and
// trusts a reading only if nothing was written meanwhile.
struct RunningMark {
  std::atomic<std::uint32_t> writes;  // odd: an attempt runs
  std::atomic<std::uint32_t> attempt;
  std::atomic<std::uint64_t> job[2];
  std::atomic<std::int64_t> started;  // by the steady clock, which all processes of a machine share
  std::atomic<std::uint64_t> seal;    // of the parent: another one means that a task has written over this page

  void begin(const AttemptId& id, TimePoint now) {
    std::uint64_t halves[2];
    std::memcpy(halves, id.job.bytes.data(), sizeof halves);
    job[0].store(halves[0], std::memory_order_relaxed);
    job[1].store(halves[1], std::memory_order_relaxed);
    attempt.store(id.attempt, std::memory_order_relaxed);
    started.store(now.time_since_epoch().count(), std::memory_order_relaxed);
    writes.store(writes.load(std::memory_order_relaxed) | 1U, std::memory_order_release);
  }
  void end() {
    writes.store((writes.load(std::memory_order_relaxed) | 1U) + 1, std::memory_order_relaxed);
    // No later begin() may become visible before this.
    std::atomic_thread_fence(std::memory_order_release);
  }

  // For the next process.
  void reset() {
    end();
    attempt.store(0, std::memory_order_relaxed);
  }

  // The running attempt, if any. If the process lives, the answer may be outdated as soon as it is read.
  [[nodiscard]] std::optional<Running> read() const {
    const std::uint32_t before = writes.load(std::memory_order_acquire);
    if ((before & 1U) == 0) return std::nullopt;
    const Running running{last(), TimePoint(Clock::duration(started.load(std::memory_order_relaxed)))};
    std::atomic_thread_fence(std::memory_order_acquire);
    // Otherwise the attempt has just ended, and the one that runs now, if any, has just begun.
    if (writes.load(std::memory_order_relaxed) != before) return std::nullopt;
    return running;
  }
  // The attempt that began last, whether it has ended or not. Valid only if none begins meanwhile.
  [[nodiscard]] AttemptId last() const {
    const std::uint64_t halves[2] = {job[0].load(std::memory_order_relaxed), job[1].load(std::memory_order_relaxed)};
    AttemptId id;
    std::memcpy(id.job.bytes.data(), halves, sizeof halves);
    id.attempt = attempt.load(std::memory_order_relaxed);
    return id;
  }
};

}  // namespace zebu::consumer
