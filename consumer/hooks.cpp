#include "consumer/hooks.h"

#include "consumer/slots/run_task.h"
#include "consumer/slots/units.h"
#include "zebu/program/log.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <fcntl.h>
#include <memory>
#include <optional>
#include <poll.h>
#include <stdexcept>
#include <string>
#include <thread>
#include <unistd.h>

namespace zebu::consumer {
namespace {

constexpr std::chrono::milliseconds kFirstPause{100};
constexpr std::chrono::milliseconds kLongestPause{5000};

// One try, whose end closes the pipe. The thread and the one that waits both own it.
struct Try {
  Try() {
    if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("cannot make a pipe");
  }
  ~Try() { ::close(ends[0]); }
  int ends[2]{-1, -1};
  std::optional<std::string> failure;
};

// True as soon as the first descriptor is readable, or closed by its other end, or the time is over.
bool wait_for(int descriptor, int stop, std::chrono::milliseconds time) {
  pollfd items[] = {{stop, POLLIN, 0}, {descriptor, POLLIN, 0}};
  while (::poll(items, 2, static_cast<int>(time.count())) < 0 && errno == EINTR) continue;
  return items[0].revents == 0;
}

}  // namespace

bool run_hooks(const Registry& registry, int stop) {
  constexpr std::chrono::milliseconds kForEver{-1};
  for (auto pause = kFirstPause;; pause = std::min(2 * pause, kLongestPause)) {
    const auto one = std::make_shared<Try>();
    std::thread([one, &registry] {
      try {
        registry.start();
      } catch (...) {
        one->failure = describe_exception();
      }
      ::close(one->ends[1]);
    }).detach();
    if (!wait_for(one->ends[0], stop, kForEver)) return false;
    if (!one->failure) return true;
    log_event(Event::hook_failed, {}, "a hook of on_start failed, and is tried again in {}: {}", readable(pause),
              *one->failure);
    if (!wait_for(-1, stop, pause)) return false;
  }
}

}  // namespace zebu::consumer
