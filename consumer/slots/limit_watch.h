#pragma once

#include "consumer/slots/slot.h"
#include "zebu/asio.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <deque>
#include <functional>
#include <optional>

namespace zebu::consumer {

// Watches the time limits of the jobs in one slot. The start of a job is not reported, but a job cannot start before it
// is given. So the earliest time at which a limit can be reached is known, and only then is the slot asked which
// attempt runs, and since when. Jobs without limits cost nothing, and any number of short ones share a timer.
class LimitWatch {
 public:
  enum class Limit { soft, hard };
  struct Reached {
    AttemptId id;
    Limit limit;
    std::chrono::milliseconds time;  // the limit's
  };
  struct Handlers {
    std::function<std::optional<Running>()> running;
    // Called once for each limit of an attempt, while it runs. Not called for a soft limit if the hard one has been
    // reached as well.
    std::function<void(const Reached&)> reached;
  };

  LimitWatch(boost::asio::io_context& loop, Handlers handlers);

  // A job was given to the slot.
  void add(const AttemptId& id, const TimeLimits& limits);
  // The job has left the slot.
  void remove(const AttemptId& id);
  void clear() { entries_.clear(); }

 private:
  struct Entry {
    AttemptId id;
    TimeLimits left;  // limits that have not been reached
  };

  void check_at(TimePoint time);
  void check();
  // Removes from the entry the limit that has been reached, if any, and returns it.
  [[nodiscard]] static std::optional<Reached> take_reached(Entry& entry, TimePoint since, TimePoint now);

  Handlers handlers_;
  boost::asio::steady_timer timer_;
  std::optional<TimePoint> check_at_;  // the timer's expiry, while it is set
  std::deque<Entry> entries_;          // in the order in which they were given
};

}  // namespace zebu::consumer
