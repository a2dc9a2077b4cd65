#pragma once

#include "broker/engine/effects.h"

#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

namespace zebu::broker {

// ACCEPTED messages that no client waits for. One leaves with the next message to its client, or a moment later; the
// DONE of the same job may leave in its place. Pure: it knows neither messages nor time.
class DeferredAccepts {
 public:
  void defer(SessionId client, const JobId& id);
  // The DONE of this job leaves now.
  void replace(SessionId client, const JobId& id);
  // The DONE of this job leaves when `batch` is durable. If the ACCEPTED is still deferred then, it is dropped.
  void replace_with(SessionId client, const JobId& id, BatchNumber batch);
  // All batches up to `batch` are durable.
  void settle(BatchNumber batch) { settled_ = batch; }

  // Calls tell(id) for each that leaves now, because something else leaves for this client.
  template <class Tell>
  void take(SessionId client, Tell&& tell) {
    if (empty()) return;
    const auto found = clients_.find(client);
    if (found == clients_.end() || found->second.empty()) return;
    for (const Deferred& deferred : found->second) {
      if (!deferred.done_with || *deferred.done_with > settled_) tell(deferred.id);
    }
    found->second.clear();
    emptied();
  }
  // Calls tell(client, id) for all.
  template <class Tell>
  void take_all(Tell&& tell) {
    for (const SessionId client : std::exchange(waiting_, {})) {
      take(client, [&](const JobId& id) { tell(client, id); });
    }
  }
  void forget(SessionId client);

  [[nodiscard]] bool empty() const { return count_ == 0; }

 private:
  struct Deferred {
    JobId id;
    std::optional<BatchNumber> done_with;  // the batch that its DONE waits for
  };
  using List = std::vector<Deferred>;

  struct Found {
    List& list;
    List::iterator at;
  };
  [[nodiscard]] std::optional<Found> find(SessionId client, const JobId& id);
  void emptied();

  std::unordered_map<SessionId, List> clients_;
  std::vector<SessionId> waiting_;  // clients that may have one
  std::size_t count_ = 0;           // clients that have one
  BatchNumber settled_ = 0;
};

}  // namespace zebu::broker
