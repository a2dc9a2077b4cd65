#pragma once

#include "broker/engine/effects.h"
#include "zebu/wire/codec.h"

#include <optional>
#include <unordered_map>
#include <utility>

namespace zebu::broker {

// Replies on their way out: encoded when they are decided, gathered for each peer, handed over all at once.
class Outbox {
 public:
  explicit Outbox(std::size_t max_message) : max_message_(max_message) {}

  void add(const Effects::To<Effects::Assigned>& assigned);
  void add(const Effects::To<Effects::Done>& done);
  void add(const Effects::Accepted& accepted);
  void add(const Effects::To<Effects::Refusal>& refused);
  void add(const Effects::To<message::Attachment>& attached);
  void add(const Effects::To<message::ProgressReport>& progressed);
  void add_unknown(const Effects::To<JobId>& unknown);
  void add_stopped(const Effects::To<AttemptId>& stopped);
  void add(const Effects::Kept& kept);
  // An ACCEPTED that is held: whether there is one, and that it says nothing more, because this client hears DONE.
  [[nodiscard]] bool is_held(SessionId session, const JobId& id) const;
  void drop_held(SessionId session, const JobId& id);
  // The DONE of `id` that was added for this client drops it from `along`, when it leaves.
  void stands_for_held(SessionId session, const JobId& id) { peer(session).stands_for.push_back(id); }
  // A whole message; it leaves behind all that was added before.
  void put(SessionId session, Frame frame);
  // Whether something waits for a next message to its peer; release() makes it leave with the next flush.
  [[nodiscard]] bool is_holding() const { return holding_ > 0; }
  void release();
  void forget(SessionId session);

  // Calls send(session, frame) for all that has gathered for consumers with new work, because that is what somebody
  // waits for.
  template <class Send>
  void flush_work(Send&& send) {
    for (const SessionId session : dirty_) {
      const auto found = peers_.find(session);
      if (found != peers_.end() && !found->second.assign.empty()) flush(session, found->second, send);
    }
  }
  // The same for all, consumers with new work first, and behind it what `along` holds for the same peers.
  template <class Send>
  void flush(Send&& send, Outbox* along = nullptr) {
    flush_work(send);
    for (const SessionId session : dirty_) {
      const auto found = peers_.find(session);
      if (found == peers_.end()) continue;
      flush(session, found->second, send);
      if (along == nullptr) continue;
      for (const JobId& id : found->second.stands_for) along->drop_held(session, id);
      found->second.stands_for.clear();
      along->flush_held(session, send);
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
    Batch done{message::Type::done};
    Batch assign{message::Type::assign};
    Batch stop{message::Type::stop};
    std::optional<std::uint64_t> kept;
    bool is_kept_due = false;
    std::vector<JobId> held;        // ACCEPTED of them waits for another message
    std::vector<JobId> stands_for;  // DONE of them is in `done`, and their ACCEPTED was held then
    std::vector<Frame> frames;
    bool is_dirty = false;
  };

  template <class Send>
  void flush(SessionId session, Peer& peer, Send&& send) {
    if (!std::exchange(peer.is_dirty, false)) return;
    finish(peer);
    for (Frame& frame : std::exchange(peer.frames, {})) send(session, std::move(frame));
  }

  template <class Send>
  void flush_held(SessionId session, Send&& send) {
    const auto found = peers_.find(session);
    if (found == peers_.end() || found->second.held.empty()) return;
    found->second.is_dirty = true;
    flush(session, found->second, send);
  }

  using Held = std::vector<JobId>;
  [[nodiscard]] static Held::const_iterator find_held(const Held& held, const JobId& id);
  // What was held for somebody is not any more.
  void emptied();

  Peer& peer(SessionId session);
  template <class Entry>
  void add(Peer& peer, Batch& batch, const Entry& entry, std::size_t size);
  void finish(Peer& peer);

  std::size_t max_message_;
  std::unordered_map<SessionId, Peer> peers_;
  std::vector<SessionId> dirty_;
  std::vector<SessionId> held_;  // who may have something held
  std::size_t holding_ = 0;      // who has
};

// What leaves now, and what waits for a commit: for that which is under way (sealed), or the one after it (open). What
// was sealed is durable when its commit is done.
class Outboxes {
 public:
  explicit Outboxes(std::size_t max_message)
      : now_(max_message), durable_(max_message), sealed_(max_message), open_(max_message) {}

  // All replies in `effects` but welcomes, errors and beats, which are whole messages: put() takes those.
  void gather(const Effects& effects);
  // batch: with which it is to leave; 0: now.
  void put(SessionId session, Frame frame, BatchNumber batch = 0) { of(batch).put(session, std::move(frame)); }

  // `batch` is on its way into the store.
  void seal(BatchNumber batch);
  // It is durable. What was durable before has been flushed.
  void committed() { std::swap(durable_, sealed_); }
  // Sends what is durable. Work that a commit made ready leaves first: whoever waits for the outcome waits for that.
  template <class Send>
  void flush_durable(Send&& send) {
    now_.flush_work(send);
    durable_.flush(send, &now_);
  }
  template <class Send>
  void flush(Send&& send) {
    now_.flush(send);
  }
  [[nodiscard]] bool is_holding() const { return now_.is_holding(); }
  void release() { now_.release(); }
  void forget(SessionId session);

 private:
  [[nodiscard]] Outbox& of(BatchNumber batch) { return batch == 0 ? now_ : batch <= sealed_batch_ ? sealed_ : open_; }

  Outbox now_;
  Outbox durable_;
  Outbox sealed_;
  Outbox open_;
  BatchNumber sealed_batch_ = 0;
};

}  // namespace zebu::broker
