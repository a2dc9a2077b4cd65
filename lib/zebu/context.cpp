#include <zebu/context.h>
#include <zebu/task_failure.h>

#include <condition_variable>
#include <mutex>
#include <utility>

namespace zebu {

Context::Context(const AttemptId& id, std::string_view task, std::string_view queue, std::stop_token stop)
    : id_(id), task_(task), queue_(queue), stop_(std::move(stop)) {}

void Context::throw_if_cancelled() const {
  if (cancelled()) throw Cancelled();
}

bool Context::wait_for(std::chrono::milliseconds time) const {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock lock(mutex);
  wake.wait_for(lock, stop_, time, [] { return false; });
  return !cancelled();
}

}  // namespace zebu
