#pragma once

#include "consumer/slots/slot.h"
#include "zebu/asio.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <deque>
#include <functional>
#include <optional>

namespace zebu::consumer {

// Watches the time limits of the jobs that lie in one slot. Nobody says when a job starts; but it does not start before
// it is given, so its limit does not come before then plus the limit, and when that time has come the slot is asked
// what runs since when. So jobs without limits cost nothing, and any number of short ones share a timer.
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
    // Once for each limit of an attempt, while it runs; not for a soft one when the hard one has come as well.
    std::function<void(const Reached&)> reached;
  };

  LimitWatch(boost::asio::io_context& loop, Handlers handlers);

  // A job was given to the slot.
  void add(const AttemptId& id, const TimeLimits& limits);
  // It does not lie there any longer.
  void remove(const AttemptId& id);
  void clear() { entries_.clear(); }

 private:
  struct Entry {
    AttemptId id;
    TimeLimits left;  // limits that have not come
  };

  void check_at(TimePoint time);
  void check();
  // The limit that has come, if any; it is taken from the entry.
  [[nodiscard]] static std::optional<Reached> take_reached(Entry& entry, TimePoint since, TimePoint now);

  Handlers handlers_;
  boost::asio::steady_timer timer_;
  TimePoint check_at_ = TimePoint::max();  // max: the timer is not set
  std::deque<Entry> entries_;              // in the order in which they were given
};

}  // namespace zebu::consumer
