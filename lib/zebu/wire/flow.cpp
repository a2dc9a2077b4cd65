#include "zebu/wire/flow.h"

#include <algorithm>
#include <iterator>

namespace zebu {
namespace {

// The parts of this many messages take turns; further messages wait. The other side keeps what it has of each.
constexpr std::size_t kMessagesAtOnce = 8;

}  // namespace

// A part takes a second over the slowest link that is meant to work: 64 KiB/s for a liveness of 3 s, faster for a
// shorter one.
FlowLimits FlowLimits::of(std::chrono::milliseconds liveness, std::chrono::milliseconds beat) {
  constexpr std::size_t kPart = 64U << 10;
  constexpr std::chrono::milliseconds kUsual{3000};
  FlowLimits limits;
  const auto share = std::clamp<std::int64_t>(liveness.count(), 0, kUsual.count());
  limits.part = std::max<std::size_t>(kPart * static_cast<std::size_t>(share) / kUsual.count(), 1U << 10);
  limits.window = limits.part;
  limits.quick = beat / 2;
  return limits;
}

// The last message in parts that this frame must not pass: about the same job, and put before it.
Flow::Message* Flow::same_job(const Waiting& waiting) {
  const auto& about = waiting.frame.about;
  if (about.empty()) return nullptr;
  const auto is_the_same = [&](const Message& message) {
    const auto& ids = message.frame.about;
    return message.order <= waiting.behind &&
           std::find_first_of(ids.begin(), ids.end(), about.begin(), about.end()) != ids.end();
  };
  const auto last = std::find_if(messages_.rbegin(), messages_.rend(), is_the_same);
  return last == messages_.rend() ? nullptr : &*last;
}

void Flow::enqueue(Frame frame) {
  waiting_bytes_ += frame.bytes().size();
  if (frame.bytes().size() > limits_.part) {
    messages_.push_back({++last_order_, frames_put_, ++last_number_, std::move(frame)});
    return;
  }
  Waiting waiting{std::move(frame), last_order_};
  if (Message* same = same_job(waiting)) return same->then.push_back(std::move(waiting));
  if (waiting.frame.turn != Frame::Turn::barrier) waiting.behind = 0;
  frames_.push_back(std::move(waiting));
  ++frames_put_;
}

Frame Flow::take_frame() {
  Frame frame = std::move(frames_.front().frame);
  frames_.pop_front();
  ++frames_taken_;
  waiting_bytes_ -= frame.bytes().size();
  whole_since_part_ += frame.bytes().size();
  return frame;
}

bool Flow::may_go_on(const Message& message) const {
  const bool is_last = message.frame.bytes().size() - message.sent <= limits_.part;
  return !message.is_held && message.end == 0 && (!is_last || frames_taken_ >= message.behind);
}

// They take turns, but begin in their order: the other side may have no room for more than the first, and a later one
// may have to wait for an earlier one to arrive.
Flow::Message* Flow::next_message() {
  const std::size_t taking_turns = std::min(messages_.size(), kMessagesAtOnce);
  for (std::size_t i = 0; i < taking_turns; ++i) {
    const std::size_t turn = (turn_ + i) % taking_turns;
    if (!may_go_on(messages_[turn])) continue;
    turn_ = turn;
    if (messages_[turn].sent > 0) return &messages_[turn];
    return &*std::find_if(messages_.begin(), messages_.end(),
                          [&](const Message& each) { return each.sent == 0 && may_go_on(each); });
  }
  return nullptr;
}

Frame Flow::take_part(Message& message) {
  const Bytes bytes = message.frame.bytes();
  const Bytes part = bytes.substr(message.sent, limits_.part);
  Frame frame = encode(message::Part{message.number, message.sent, bytes.size(), part});
  message.sent += part.size();
  waiting_bytes_ -= part.size();
  whole_since_part_ = 0;
  ++turn_;
  return frame;
}

std::vector<Frame> Flow::take_arrived() {
  std::vector<Waiting> then;
  std::erase_if(messages_, [&](Message& message) {
    if (message.end == 0 || message.end > acknowledged_) return false;
    std::move(message.then.begin(), message.then.end(), std::back_inserter(then));
    return true;
  });
  std::vector<Frame> free;
  for (Waiting& waiting : then) {
    if (Message* same = same_job(waiting)) {
      same->then.push_back(std::move(waiting));
      continue;
    }
    waiting_bytes_ -= waiting.frame.bytes().size();
    free.push_back(std::move(waiting.frame));
  }
  return free;
}

void Flow::hold(std::uint64_t message) {
  const auto held =
      std::find_if(messages_.begin(), messages_.end(), [&](const auto& m) { return m.number == message; });
  if (held == messages_.end()) return;
  held->is_held = true;
  held->end = 0;
  waiting_bytes_ += std::exchange(held->sent, 0);
}

void Flow::let_go(std::uint64_t message) {
  const auto held =
      std::find_if(messages_.begin(), messages_.end(), [&](const auto& m) { return m.number == message; });
  if (held == messages_.end() || !std::exchange(held->is_held, false)) return;
  held->number = ++last_number_;
}

void Flow::probe() {
  if (!probe_) probe_ = Probe{handed_, Clock::now()};
}

// Only a full window says something about the link: a few bytes are acknowledged when more have come.
void Flow::judge(TimePoint now) {
  if (!probe_ || acknowledged_ < probe_->bytes) return;
  const bool is_quick = now - probe_->sent <= limits_.quick;
  probe_.reset();
  if (frames_.empty() && next_message() == nullptr) return;
  window_ = is_quick ? std::min(2 * window_, limits_.most) : std::max(window_ / 2, limits_.window);
}

}  // namespace zebu
