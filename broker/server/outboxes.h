#pragma once

#include "broker/server/deferred_accepts.h"
#include "broker/server/outbox.h"

namespace zebu::broker {

// Replies that leave now, and replies that wait for a commit: the current one (sealed), or the next one (open). Sealed
// replies become durable with their commit.
class Outboxes {
 public:
  explicit Outboxes(std::size_t max_part) : now_(max_part), durable_(max_part), sealed_(max_part), open_(max_part) {}

  // All replies in `effects` but welcomes, errors and beats, which are whole messages: put() takes those.
  void gather(const Effects& effects);
  // batch: the commit that it waits for, if any.
  void put(SessionId session, Frame frame, std::optional<BatchNumber> batch = {});

  // `batch` is on its way into the store.
  void seal(BatchNumber batch);
  // The sealed batch is durable. flush_durable() has been called since the last commit.
  void committed();
  // Sends the durable replies. Assignments leave first, because clients wait for their outcomes.
  template <class Send>
  void flush_durable(Send&& send) {
    now_.flush_work(send);
    add_deferred(durable_);
    durable_.flush(send);
  }
  template <class Send>
  void flush(Send&& send) {
    add_deferred(now_);
    now_.flush(send);
  }
  // Whether a reply waits for the next message to its peer. release() lets it leave with the next flush.
  [[nodiscard]] bool is_holding() const { return !deferred_.empty(); }
  void release();
  void forget(SessionId session);

 private:
  [[nodiscard]] Outbox& of(std::optional<BatchNumber> batch) {
    if (!batch) return now_;
    return *batch <= sealed_batch_ ? sealed_ : open_;
  }
  void add_deferred(Outbox& outbox);

  Outbox now_;
  Outbox durable_;
  Outbox sealed_;
  Outbox open_;
  BatchNumber sealed_batch_ = 0;
  DeferredAccepts deferred_;
};

}  // namespace zebu::broker
