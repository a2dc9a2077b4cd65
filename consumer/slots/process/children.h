#pragma once

#include "zebu/asio.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <sys/types.h>

#include <functional>
#include <map>
#include <vector>

namespace zebu::consumer {

// The children of a consumer with process slots: the slots' processes, and what a task left behind when its slot's
// process died. This process is their subreaper, so they come to it, also where it is not PID 1, and it kills and reaps
// them. Children that it had before are let alone. One thread: the loop's.
class Children {
 public:
  explicit Children(boost::asio::io_context& loop);
  // Kills and reaps all that are left, within a bounded time.
  ~Children();
  Children(const Children&) = delete;

  // A slot's process, which leads its process group. When it has died, what was left of the group is killed, and
  // ended(wait status) called.
  void add(pid_t pid, std::function<void(int wait_status)> ended);
  // Kills the process with its group.
  void kill(pid_t pid);
  // The same, and nobody is told of its end.
  void drop(pid_t pid);

 private:
  void watch();
  void reap();
  [[nodiscard]] bool reap_one();
  [[nodiscard]] bool end_orphans();

  boost::asio::signal_set deaths_;
  boost::asio::steady_timer retry_;
  std::map<pid_t, std::function<void(int)>> slots_;
  std::vector<pid_t> earlier_;  // children that this process had before it became a consumer
};

}  // namespace zebu::consumer
