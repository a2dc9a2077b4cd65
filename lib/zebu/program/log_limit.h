#pragma once

#include "zebu/program/events.h"
#include "zebu/thread_annotations.h"

#include <chrono>
#include <cstdint>
#include <map>
#include <vector>

namespace zebu {

// Bounds how many lines of one event leave in a window of time, so that a flood of one kind neither fills the log nor
// hides the others. A window begins with the first line after the last one has passed. Thread-safe; time is a
// parameter.
class LogLimit {
 public:
  using Time = std::chrono::steady_clock::time_point;
  struct LeftOut {
    Event event;
    std::uint64_t count;
  };

  LogLimit(std::uint64_t most, std::chrono::steady_clock::duration window) : most_(most), window_(window) {}

  [[nodiscard]] bool may_leave(Event event, Time now);
  // What was left out in windows that have passed, each once.
  [[nodiscard]] std::vector<LeftOut> tick(Time now);

 private:
  struct Window {
    Time began;
    std::uint64_t left = 0;
    std::uint64_t left_out = 0;
  };

  const std::uint64_t most_;
  const std::chrono::steady_clock::duration window_;
  Mutex mutex_;
  std::map<Event, Window> windows_ ZEBU_GUARDED_BY(mutex_);
};

}  // namespace zebu
