#pragma once

#include <functional>
#include <optional>

namespace zebu::http {

// Why a request's handler should end now. hung_up: nobody will read its response. stopping: the server ends, and sends
// what the handler responds with within the next second.
enum class Ending { hung_up, stopping };

// Tells a request's handler to end. The connection owns it and raises it. One thread, the loop's.
class Cancellation {
 public:
  using Listener = std::function<void(Ending why)>;

  Cancellation() = default;
  Cancellation(const Cancellation&) = delete;
  Cancellation& operator=(const Cancellation&) = delete;

  // Calls `listener` when it is raised, or now if it has been raised. It has one listener at a time; {} removes it.
  void listen(Listener listener);
  // Only the first raise counts.
  void raise(Ending why);
  [[nodiscard]] std::optional<Ending> raised() const { return why_; }

 private:
  std::optional<Ending> why_;
  Listener listener_;
};

}  // namespace zebu::http
