#include "zebu/program/log_limit.h"

namespace zebu {

bool LogLimit::may_leave(Event event, Time now) {
  const Lock lock(mutex_);
  Window& window = windows_.try_emplace(event, Window{now}).first->second;
  // A window of which lines are still to be reported goes on until tick() has done so.
  if (now - window.began >= window_ && window.left_out == 0) window = {now};
  if (window.left < most_) return ++window.left, true;
  ++window.left_out;
  return false;
}

std::vector<LogLimit::LeftOut> LogLimit::tick(Time now) {
  std::vector<LeftOut> all;
  const Lock lock(mutex_);
  std::erase_if(windows_, [&](const auto& entry) {
    const auto& [event, window] = entry;
    if (now - window.began < window_) return false;
    if (window.left_out > 0) all.push_back({event, window.left_out});
    return true;
  });
  return all;
}

}  // namespace zebu
