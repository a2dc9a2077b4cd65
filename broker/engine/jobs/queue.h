#pragma once

#include "broker/engine/jobs/counts.h"
#include "broker/engine/jobs/line.h"

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace zebu::broker {

// Jobs per second, smoothed over about ten seconds.
struct Rate {
  std::uint64_t count = 0;
  double per_second = 0;
  std::uint64_t sampled = 0;

  void sample(double seconds);
};

// Task and key of a line within its queue.
struct ByTaskAndKey {
  using is_transparent = void;
  using View = std::pair<std::string_view, std::string_view>;
  static View view(const LineName& name) { return {name.task, name.key}; }
  static View view(const View& name) { return name; }
  template <class A, class B>
  bool operator()(const A& a, const B& b) const {
    return view(a) < view(b);
  }
};

// A queue: its lines, counts, settings, and the consumers that serve it.
struct Queue {
  std::string name;
  std::map<LineName, std::unique_ptr<Line>, ByTaskAndKey> lines;
  std::size_t queued = 0;  // all that are queued, in memory or not
  std::size_t scheduled = 0;
  std::size_t running = 0;
  std::size_t failed = 0;     // durable, and kept
  std::uint64_t bytes = 0;    // of the queued and scheduled ones that are durable
  std::size_t transient = 0;  // of the queued and scheduled ones
  std::uint64_t transient_bytes = 0;
  QueueSettings settings;
  Rate in;
  Rate out;
  QueueCounts counts;
  std::size_t consumers = 0;                      // consumers that serve it, including draining ones
  std::size_t well = 0;                           // of them, those that may have its jobs and are not poor (Health)
  std::map<std::string, int, std::less<>> tasks;  // task -> number of its consumers that know it

  // It has no jobs, consumers or settings, and its lines expect no jobs.
  [[nodiscard]] bool is_idle() const {
    if (queued + scheduled + running + failed + consumers > 0 || settings.is_paused || settings.purge_up_to) {
      return false;
    }
    for (const auto& [key, line] : lines) {
      if (!line->is_idle()) return false;
    }
    return true;
  }
};

}  // namespace zebu::broker
