#pragma once

#include "zebu/wire/codec.h"

#include <deque>
#include <optional>
#include <vector>

namespace zebu {

// How much one side of a session may hand to its socket; docs/protocol.md, "Bytes under way". Kernels and ZeroMQ buffer
// megabytes: what is handed over can no longer be overtaken by a beat.
struct FlowLimits {
  std::size_t part = 64U << 10;          // bytes of a message that is sent whole, and of a part
  std::size_t window = 64U << 10;        // unacknowledged bytes to begin with, and at the least
  std::size_t most = 8U << 20;           // the window at the most
  std::chrono::milliseconds quick{250};  // the window grows if bytes are acknowledged within this time, else it shrinks

  // For a session with this liveness and these beats: the shorter, the less may be under way.
  [[nodiscard]] static FlowLimits of(std::chrono::milliseconds liveness, std::chrono::milliseconds beat);
  // When the other side acknowledges: it owes this many bytes and sends something else, or this many in any case. A
  // message of its own for each few bytes would wake a thread that has nothing else to do.
  [[nodiscard]] std::size_t acknowledge_along() const { return part / 4; }
  [[nodiscard]] std::size_t acknowledge_alone() const { return part; }
};

// What one side sends in a session. Frames leave in the order in which they were put, with two exceptions: one of more
// than `part` bytes is cut into PARTs, and later ones may pass it until it has arrived; and an urgent one passes all. A
// frame about a job never passes another one about it (Frame::about), and a barrier passes nothing.
//
// Pure: it calls `send(Frame)` for each frame that is to leave now. One thread.
class Flow {
 public:
  explicit Flow(const FlowLimits& limits = {}) : limits_(limits), window_(limits.window) {}

  template <class Send>
  void put(Frame frame, Send&& send) {
    if (frame.turn >= Frame::Turn::urgent || is_free(frame)) return hand_over(std::move(frame), send);
    enqueue(std::move(frame));
    pump(send);
  }
  // ACK: the other side has received this many bytes in the session. False: it cannot have.
  template <class Send>
  [[nodiscard]] bool acknowledged(std::uint64_t bytes, TimePoint now, Send&& send) {
    if (bytes > handed_) return false;
    if (bytes <= acknowledged_) return true;
    acknowledged_ = bytes;
    judge(now);
    for (Frame& frame : take_arrived()) hand_over(std::move(frame), send);
    pump(send);
    return true;
  }
  // HOLD and GO: the other side has no room for a message in parts now, and then it has. It begins anew.
  void hold(std::uint64_t message);
  template <class Send>
  void go(std::uint64_t message, Send&& send) {
    let_go(message);
    pump(send);
  }
  // Hands over all that is left, whatever the window: the session ends.
  template <class Send>
  void finish(Send&& send) {
    do {
      for (Message& message : messages_) message.is_held = false;
      while (step(send)) continue;
      acknowledged_ = handed_;
      for (Frame& frame : take_arrived()) hand_over(std::move(frame), send);
    } while (!is_idle());
  }

  // Bytes that wait here, or have not been acknowledged.
  [[nodiscard]] std::size_t unread() const { return waiting_bytes_ + unacknowledged(); }
  [[nodiscard]] std::uint64_t acknowledged() const { return acknowledged_; }
  [[nodiscard]] std::size_t window() const { return window_; }
  // Nothing waits to leave, and no message in parts to be acknowledged.
  [[nodiscard]] bool is_idle() const { return frames_.empty() && messages_.empty(); }

 private:
  struct Waiting {
    Frame frame;
    std::uint64_t behind = 0;  // the messages in parts up to this one must have arrived
  };
  // A message that is sent in parts.
  struct Message {
    std::uint64_t order;   // among the messages in parts of this session
    std::uint64_t behind;  // its last part does not pass the frames up to this one
    std::uint64_t number;  // on the wire; another one when it begins anew
    Frame frame;
    std::size_t sent = 0;
    std::uint64_t end =
        0;  // it has arrived when this many bytes of the session are acknowledged; 0: not sent whole yet
    bool is_held = false;
    std::vector<Waiting> then = {};  // frames about the same job: they leave when it has arrived
  };

  [[nodiscard]] std::size_t unacknowledged() const { return static_cast<std::size_t>(handed_ - acknowledged_); }
  [[nodiscard]] bool may_send() const { return unacknowledged() < window_; }
  // Whether the frame may leave at once: the usual case.
  [[nodiscard]] bool is_free(const Frame& frame) const {
    return is_idle() && frame.bytes().size() <= limits_.part && may_send();
  }
  template <class Send>
  void hand_over(Frame frame, Send&& send) {
    if (frame.turn != Frame::Turn::uncounted) handed_ += frame.bytes().size();
    send(std::move(frame));
  }
  template <class Send>
  void pump(Send&& send) {
    while (may_send() && step(send)) continue;
  }
  // Hands over the next frame, or the next part. Frames and parts take turns. False: there is none that may leave.
  template <class Send>
  bool step(Send&& send) {
    Message* message = next_message();
    const bool may_frame = !frames_.empty() && (messages_.empty() || messages_.front().order > frames_.front().behind);
    if (may_frame && (message == nullptr || whole_since_part_ < limits_.part)) {
      hand_over(take_frame(), send);
    } else if (message != nullptr) {
      hand_over(take_part(*message), send);
      if (message->sent == message->frame.bytes().size()) message->end = handed_;
    } else {
      return false;
    }
    probe();
    return true;
  }

  [[nodiscard]] Message* same_job(const Waiting& waiting);
  void enqueue(Frame frame);
  [[nodiscard]] Frame take_frame();
  [[nodiscard]] Frame take_part(Message& message);
  // Removes the messages in parts that have arrived, and returns what may follow now.
  [[nodiscard]] std::vector<Frame> take_arrived();
  [[nodiscard]] bool may_go_on(const Message& message) const;
  [[nodiscard]] Message* next_message();
  void let_go(std::uint64_t message);
  void probe();
  void judge(TimePoint now);

  struct Probe {
    std::uint64_t bytes;
    TimePoint sent;
  };

  FlowLimits limits_;
  std::size_t window_;
  std::uint64_t handed_ = 0;
  std::uint64_t acknowledged_ = 0;
  std::optional<Probe> probe_;  // one at a time: when will these bytes be acknowledged?
  std::deque<Waiting> frames_;
  std::vector<Message> messages_;  // by order; they take turns, a part each
  std::size_t turn_ = 0;
  std::size_t whole_since_part_ = 0;  // bytes of frames since the last part
  std::uint64_t frames_put_ = 0;
  std::uint64_t frames_taken_ = 0;
  std::size_t waiting_bytes_ = 0;
  std::uint64_t last_number_ = 0;
  std::uint64_t last_order_ = 0;
};

}  // namespace zebu
