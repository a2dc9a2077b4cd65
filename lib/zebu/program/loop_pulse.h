#pragma once

#include "zebu/asio.h"
#include "zebu/job.h"
#include "zebu/program/notify.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <functional>
#include <string>

namespace zebu {

// What an Asio loop does about once a second: it tells the notifier that it is alive, with the program's status, and
// the log to say what it has left out. It begins with start() and ends with stop(), without which the loop never ends.
class LoopPulse {
 public:
  // All outlive it.
  LoopPulse(boost::asio::io_context& loop, Notifier& notifier, std::function<std::string()> status);

  // Called each time as well, with how late that is. Before start().
  void also(std::function<void(TimePoint::duration late)> each) { also_ = std::move(each); }

  void start();
  void stop();

 private:
  boost::asio::steady_timer timer_;
  Notifier& notifier_;
  std::function<std::string()> status_;
  std::function<void(TimePoint::duration)> also_;
  bool has_stopped_ = false;
};

}  // namespace zebu
