#pragma once

#include "tests/simulation/timeline.h"
#include "zebu/wire/flow.h"

#include <functional>
#include <optional>

namespace zebu::simulation {

// One side of a session's bytes, as lib/zebu/wire/link.* and broker/server/ports.* have it: long messages travel in
// parts, and no more is under way than the other side has acknowledged lately. Without limits it passes frames on as
// they are.
class Courier {
 public:
  using Send = std::function<void(Frame)>;

  Courier() = default;
  explicit Courier(const std::optional<FlowLimits>& limits) : limits_(limits) {
    if (limits_) flow_ = Flow(*limits_);
  }

  void put(Frame frame, const Send& send) {
    if (!limits_) return send(std::move(frame));
    flow_.put(std::move(frame), send);
    if (owed() >= limits_->acknowledge_along()) acknowledge_all(send);
  }
  void received(std::size_t bytes) { received_ += bytes; }
  // at_once: the other side waits for it.
  void acknowledge(bool at_once, const Send& send) {
    if (limits_ && owed() > 0 && (at_once || owed() >= limits_->acknowledge_alone())) acknowledge_all(send);
  }
  // ACK, HOLD and GO of the other side. False: it cannot have received that much.
  [[nodiscard]] bool acknowledged(std::uint64_t bytes, Moment now, const Send& send) {
    return flow_.acknowledged(bytes, now.steady, send);
  }
  void hold(std::uint64_t number) { flow_.hold(number); }
  void go(std::uint64_t number, const Send& send) { flow_.go(number, send); }
  [[nodiscard]] bool is_idle() const { return flow_.is_idle(); }
  // Hands over all that waits.
  void finish(const Send& send) { flow_.finish(send); }

 private:
  [[nodiscard]] std::uint64_t owed() const { return received_ - acknowledged_; }
  void acknowledge_all(const Send& send) {
    acknowledged_ = received_;
    flow_.put(encode(message::Ack{acknowledged_}), send);
  }

  std::optional<FlowLimits> limits_;
  Flow flow_;
  std::uint64_t received_ = 0;
  std::uint64_t acknowledged_ = 0;
};

}  // namespace zebu::simulation
