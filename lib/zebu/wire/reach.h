#pragma once

#include "zebu/job.h"

#include <memory>
#include <optional>
#include <string>

namespace zebu {

// Why no broker answers at an endpoint.
struct Finding {
  std::string cause;  // a word for programs: one of docs/operations.md, or the code with which the broker put it off
  std::string text;   // for people
};

// Looks at an endpoint as a peer would: resolves the name, connects, and says what a ZeroMQ socket says first. That
// shows what ZeroMQ keeps to itself while it tries again: whether the name, the machine, the port or the program there
// is the wrong one. It runs in a thread of its own, because to resolve a name may take long, and takes at most a few
// seconds after that. A look may outlive this object.
class Look {
 public:
  explicit Look(std::string endpoint);
  Look(const Look&) = delete;
  Look& operator=(const Look&) = delete;

  // What it found, once it has. Unset: it has not come to its end.
  [[nodiscard]] std::optional<Finding> finding() const;
  // The same; waits for it.
  [[nodiscard]] std::optional<Finding> wait_until(TimePoint deadline) const;

 private:
  struct State;
  std::shared_ptr<State> state_;  // shared with the thread
};

}  // namespace zebu
