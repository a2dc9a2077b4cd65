#include "zebu/program/loop_pulse.h"

#include "zebu/program/log.h"

namespace zebu {

LoopPulse::LoopPulse(boost::asio::io_context& loop, Notifier& notifier, std::function<std::string()> status)
    : timer_(loop), notifier_(notifier), status_(std::move(status)) {}

void LoopPulse::start() {
  if (has_stopped_) return;
  tick_log();
  if (notifier_.is_heard()) notifier_.tell(status_());
  timer_.expires_after(notifier_.pace());
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (error || has_stopped_) return;
    if (also_) also_(Clock::now() - timer_.expiry());
    start();
  });
}

void LoopPulse::stop() {
  has_stopped_ = true;  // a cancel comes too late for a timer that has expired already
  timer_.cancel();
}

}  // namespace zebu
