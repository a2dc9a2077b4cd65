#pragma once

#include "zebu/error.h"

#include <functional>
#include <optional>

namespace zebu::http {

// Tells a request's handler that nobody needs its response any more: the client has hung up, or the server must end.
// The connection owns it and raises it. One thread, the loop's.
class Cancellation {
 public:
  using Listener = std::function<void(const Error& why)>;

  Cancellation() = default;
  Cancellation(const Cancellation&) = delete;
  Cancellation& operator=(const Cancellation&) = delete;

  // Calls `listener` when it is raised, or now if it has been raised. It has one listener at a time; {} removes it.
  void listen(Listener listener);
  // Only the first raise counts.
  void raise(Error why);
  [[nodiscard]] const std::optional<Error>& raised() const { return why_; }

 private:
  std::optional<Error> why_;
  Listener listener_;
};

}  // namespace zebu::http
