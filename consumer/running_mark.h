#pragma once

#include <zebu/job.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <optional>

namespace zebu::consumer {

// What a slot's process runs, in memory that it shares with its parent: when the process dies, this says which attempt
// died with it. The worker writes; the parent reads.
struct RunningMark {
  std::atomic<std::uint32_t> is_running;
  std::atomic<std::uint32_t> attempt;
  std::atomic<std::uint64_t> job[2];
  std::atomic<std::int64_t> started;  // of the steady clock, which all processes of a machine share

  void begin(const AttemptId& id, TimePoint now) {
    std::uint64_t halves[2];
    std::memcpy(halves, id.job.bytes.data(), sizeof halves);
    job[0].store(halves[0], std::memory_order_relaxed);
    job[1].store(halves[1], std::memory_order_relaxed);
    attempt.store(id.attempt, std::memory_order_relaxed);
    started.store(now.time_since_epoch().count(), std::memory_order_relaxed);
    is_running.store(1, std::memory_order_release);
  }
  void end() { is_running.store(0, std::memory_order_release); }

  // Of a living process it may be outdated, or mix two attempts, as soon as it is read.
  [[nodiscard]] std::optional<AttemptId> read() const {
    if (is_running.load(std::memory_order_acquire) == 0) return std::nullopt;
    const std::uint64_t halves[2] = {job[0].load(std::memory_order_relaxed), job[1].load(std::memory_order_relaxed)};
    AttemptId id;
    std::memcpy(id.job.bytes.data(), halves, sizeof halves);
    id.attempt = attempt.load(std::memory_order_relaxed);
    return id;
  }
  [[nodiscard]] TimePoint started_at() const { return TimePoint(Clock::duration(started.load())); }
};

}  // namespace zebu::consumer
