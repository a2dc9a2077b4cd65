#pragma once

#include "zebu/job.h"

#include <algorithm>
#include <cstdint>
#include <deque>
#include <optional>

// Who hears whom on a link, as far as one side can know. Pure: time is a parameter.
namespace zebu {

// How long the other side has been silent, in time in which this side listened. A pause of its own (stopped, swapped
// out, busy) is nobody's silence.
class Silence {
 public:
  // It begins with a new connection, and anew with each message.
  void begin(TimePoint now) { since_ = now; }
  // This side listens at `now`, and meant to at `due`. If it comes later than `tolerance`, what was said meanwhile may
  // still be on its way to it: the other side gets all its time again.
  void listened(TimePoint due, TimePoint now, std::chrono::milliseconds tolerance) {
    if (now - due > tolerance && now > since_) since_ = now;
  }
  [[nodiscard]] bool is_longer(std::chrono::milliseconds than, TimePoint now) const { return now - since_ > than; }

 private:
  TimePoint since_{};
};

// When the other side is known to have heard this one: when an ECHO that it has answered was sent. It may have heard
// later things as well.
class Hearing {
 public:
  // A session: what was sent at `sent`, its HELLO, has been answered.
  void begin(TimePoint sent);
  // An ECHO that leaves now: its number. Unset: enough of them are not answered yet.
  [[nodiscard]] std::optional<std::uint64_t> ask(TimePoint now);
  void answered(std::uint64_t number);

  // Unset: before the first session.
  [[nodiscard]] std::optional<TimePoint> last() const { return last_; }
  // When to act if nothing later is known to have been heard: `margin` and half a beat, by which a look may be late,
  // before the other side may give this one up; but not before half the liveness time. After begin() only.
  [[nodiscard]] TimePoint act_at(std::chrono::milliseconds liveness, std::chrono::milliseconds beat,
                                 std::chrono::milliseconds margin) const {
    return *last_ + liveness - std::min(margin + beat / 2, liveness / 2);
  }

 private:
  struct Echo {
    std::uint64_t number;
    TimePoint sent;
  };

  std::optional<TimePoint> last_;
  std::uint64_t last_number_ = 0;
  std::deque<Echo> unanswered_;
};

}  // namespace zebu
