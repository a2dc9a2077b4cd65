#pragma once

#include "effects.h"

#include <zebu/codec.h>

#include <optional>
#include <unordered_map>
#include <utility>

namespace zebu::broker {

// Replies on their way out: encoded when the engine decides them, gathered for each peer, handed over once a round.
class Outbox {
 public:
  explicit Outbox(std::size_t max_message) : max_message_(max_message) {}

  // Encodes all replies in `effects` but welcomes, errors and beats, which are whole messages: put() takes those.
  void gather(const Effects& effects);
  void put(SessionId session, Frame frame);
  // Whether something waits for a next message to its peer; release() makes it leave with the next flush.
  [[nodiscard]] bool is_holding() const { return !held_.empty(); }
  void release();
  void forget(SessionId session);

  // Calls send(session, frame) for all that has gathered; consumers with new work first, because that is what somebody
  // waits for.
  template <class Send>
  void flush(Send&& send) {
    for (const bool with_work : {true, false}) {
      for (const SessionId session : dirty_) {
        const auto found = peers_.find(session);
        if (found == peers_.end() || (with_work && found->second.assign.empty())) continue;
        Peer& to = found->second;
        if (!std::exchange(to.is_dirty, false)) continue;
        finish(to);
        for (Frame& frame : std::exchange(to.frames, {})) send(session, std::move(frame));
      }
    }
    dirty_.clear();
  }

 private:
  struct Peer {
    Batch accepted{message::Type::accepted};
    Batch refused{message::Type::refused};
    Batch unknown{message::Type::unknown};
    Batch done{message::Type::done};
    Batch assign{message::Type::assign};
    Batch stop{message::Type::stop};
    std::optional<std::uint64_t> kept;
    std::vector<Frame> frames;
    bool is_dirty = false;
    bool is_held = false;
  };

  Peer& peer(SessionId session);
  Peer& hold(SessionId session);
  template <class Entry>
  void add(Peer& peer, Batch& batch, const Entry& entry, std::size_t size);
  static void finish(Peer& peer);

  std::size_t max_message_;
  std::unordered_map<SessionId, Peer> peers_;
  std::vector<SessionId> dirty_;
  std::vector<SessionId> held_;
};

}  // namespace zebu::broker
