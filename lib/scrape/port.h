#pragma once

#include "http/request.h"
#include "http/response.h"
#include "scrape/options.h"
#include "zebu/error.h"
#include "zebu/metrics/mailbox.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace zebu::scrape {

// A program's port for Prometheus: GET /metrics, in a thread of its own. It serves what the program's loop has left in
// the mailbox, and what it knows of the process itself. The loop is never waited for longer than a moment: if it leaves
// nothing new for a while it stands still, and the port says that instead of old numbers.
//
// Make it after the program has blocked its signals.
class Port {
 public:
  // How long one may wait for what is not there yet.
  static constexpr std::chrono::seconds kWait{3};
  static constexpr std::size_t kMaxConnections = 16;

  // Why a request must not be served; called in the port's thread.
  using Guard = std::function<std::optional<http::Response>(const http::Request&)>;

  // program: its name. The mailbox outlives it, and so does what the guard refers to. No guard: all are served.
  Port(std::string_view program, const Options& options, metrics::Mailbox& mailbox, Guard guard = nullptr);
  // Ends the thread, within a second or so.
  ~Port();
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;

  // Binds, and serves from now on. An error names the address and the cause.
  [[nodiscard]] Result<void> start();
  // "127.0.0.1:40123", with the port that the kernel chose. Of one that has started.
  [[nodiscard]] const std::string& address() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace zebu::scrape
