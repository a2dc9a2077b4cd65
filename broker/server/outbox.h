#pragma once

#include "broker/engine/effects.h"
#include "zebu/wire/codec.h"

#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

namespace zebu::broker {

// Replies on their way out: encoded when they are decided, gathered for each peer, handed over all at once.
class Outbox {
 public:
  explicit Outbox(std::size_t max_part) : max_part_(max_part) {}

  void add(const Effects::To<Effects::Assigned>& assigned);
  void add(const Effects::To<Effects::Done>& done);
  void add(const Effects::To<Effects::Refusal>& refused);
  void add(const Effects::To<message::Attachment>& attached);
  void add(const Effects::To<message::EndingJob>& ending);
  void add(const Effects::To<message::ProgressReport>& progressed);
  void add_accepted(SessionId session, const JobId& id);
  void add_unknown(const Effects::To<JobId>& unknown);
  void add_stopped(const Effects::To<AttemptId>& stopped);
  // One that is not to leave at once leaves before the next whole message to that peer: only a draining consumer waits
  // for KEPT, so it can go along with a BEAT.
  void add(const Effects::Kept& kept);
  // Adds a whole message, which leaves after all earlier replies.
  void put(SessionId session, Frame frame);
  void forget(SessionId session);

  // The peers that have replies in this outbox.
  [[nodiscard]] const std::vector<SessionId>& addressees() const { return dirty_; }

  // Calls send(session, frame) for all replies to consumers with new jobs, because clients wait for those.
  template <class Send>
  void flush_work(Send&& send) {
    for (const SessionId session : dirty_) {
      const auto found = peers_.find(session);
      if (found != peers_.end() && !found->second.assign.empty()) flush(session, found->second, send);
    }
  }
  // The same for all peers, consumers with new jobs first.
  template <class Send>
  void flush(Send&& send) {
    flush_work(send);
    for (const SessionId session : dirty_) {
      const auto found = peers_.find(session);
      if (found != peers_.end()) flush(session, found->second, send);
    }
    dirty_.clear();
  }

 private:
  struct Peer {
    Batch accepted{message::Type::accepted};
    Batch refused{message::Type::refused};
    Batch attached{message::Type::attached};
    Batch progress{message::Type::progress};
    Batch unknown{message::Type::unknown};
    Batch ending{message::Type::ending};
    Batch done{message::Type::done};
    Batch assign{message::Type::assign};
    Batch stop{message::Type::stop};
    std::optional<std::uint64_t> kept;
    std::vector<AttemptId> kept_in_parts;
    bool is_kept_due = false;
    std::vector<Frame> frames;
    bool is_dirty = false;
  };

  template <class Send>
  void flush(SessionId session, Peer& peer, Send&& send) {
    if (!std::exchange(peer.is_dirty, false)) return;
    finish(peer);
    for (Frame& frame : std::exchange(peer.frames, {})) send(session, std::move(frame));
  }

  Peer& peer(SessionId session);
  template <class Entry>
  void add(Peer& peer, Batch& batch, const Entry& entry, std::size_t size);
  void finish(Peer& peer);

  std::size_t max_part_;
  std::unordered_map<SessionId, Peer> peers_;
  std::vector<SessionId> dirty_;
};

}  // namespace zebu::broker
