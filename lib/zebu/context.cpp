#include "zebu/context.h"

#include "zebu/progress.h"
#include "zebu/task_failure.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>

namespace zebu {

const std::vector<Header>& Context::headers() const {
  static const std::vector<Header> none;
  return parts_.headers == nullptr ? none : *parts_.headers;
}

std::optional<std::string_view> Context::header(std::string_view name) const {
  for (const auto& [key, value] : headers()) {
    if (key == name) return value;
  }
  return std::nullopt;
}

std::optional<TimePoint> Context::deadline() const {
  if (!parts_.soft_limit) return parts_.hard_limit ? std::optional(parts_.started + *parts_.hard_limit) : std::nullopt;
  return parts_.started + std::min(*parts_.soft_limit, parts_.hard_limit.value_or(*parts_.soft_limit));
}

void Context::throw_if_cancelled() const {
  if (cancelled()) throw Cancelled();
}

bool Context::soft_limit_reached() const {
  return cancelled() && parts_.stop_reason != nullptr && *parts_.stop_reason == StopReason::soft_limit;
}

bool Context::wait_for(std::chrono::milliseconds time) const {
  if (time.count() <= 0) return !cancelled();
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock lock(mutex);
  wake.wait_for(lock, parts_.stop, time, [] { return false; });
  return !cancelled();
}

void Context::progress(double done, std::string_view note) const {
  if (parts_.on_progress == nullptr) return;
  Progress progress;
  append(progress, done, note, {});
  (*parts_.on_progress)(progress);
}

void Context::print(std::string_view text) const {
  if (parts_.on_progress == nullptr) return;
  Progress progress;
  append(progress, {}, {}, text);
  (*parts_.on_progress)(progress);
}

}  // namespace zebu
