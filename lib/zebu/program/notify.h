#pragma once

#include "zebu/job.h"
#include "zebu/program/descriptor.h"

#include <optional>
#include <string>
#include <string_view>

namespace zebu {

// Tells systemd, or whoever started the program with NOTIFY_SOCKET, how it is (sd_notify): READY=1, STOPPING=1, a
// status of one line, and WATCHDOG=1 as long as the program's loop says that it is alive. Without NOTIFY_SOCKET it does
// nothing. It never blocks: what the other side does not take now is sent again with the next call of tell().
//
// Make it in main before any thread starts: it removes its variables from the environment, because programs that are
// started later must not speak for this one. After that it is the loop's.
class Notifier {
 public:
  Notifier();

  // Whether anybody listens; otherwise a status is not worth making.
  [[nodiscard]] bool is_heard() const { return socket_.is_open(); }
  // How often to call tell(): each second, or more often where the watchdog wants it.
  [[nodiscard]] std::chrono::milliseconds pace() const;

  void ready();  // once; further calls do nothing
  void stopping();
  // The loop is alive, and this is the program's status. is_alive: false where the loop runs and knows that the program
  // does not work.
  void tell(std::string_view status, bool is_alive = true);

 private:
  [[nodiscard]] bool send(std::string_view words) const;
  void flush();

  Descriptor socket_;
  std::string address_;  // as the kernel has it: an abstract one begins with a zero byte
  std::optional<std::chrono::microseconds> watchdog_;
  bool is_ready_ = false;
  std::string status_;  // that was sent
  std::string unsent_;  // READY=1 and STOPPING=1 that the other side did not take
};

}  // namespace zebu
