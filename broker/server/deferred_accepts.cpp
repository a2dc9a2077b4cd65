#include "broker/server/deferred_accepts.h"

#include <algorithm>
#include <iterator>

namespace zebu::broker {

void DeferredAccepts::defer(SessionId client, const JobId& id) {
  List& list = clients_[client];
  if (list.empty()) {
    waiting_.push_back(client);
    ++count_;
  }
  list.push_back({id, std::nullopt});
}

// Only the newest few are searched: a DONE that comes so soon is of a job that has just begun. For an older one both
// messages leave, which does no harm.
std::optional<DeferredAccepts::Found> DeferredAccepts::find(SessionId client, const JobId& id) {
  constexpr std::ptrdiff_t kNear = 8;
  if (empty()) return std::nullopt;
  const auto found = clients_.find(client);
  if (found == clients_.end()) return std::nullopt;
  List& list = found->second;
  const auto at = std::find_if(list.end() - std::min(kNear, std::ssize(list)), list.end(),
                               [&](const Deferred& deferred) { return deferred.id == id; });
  if (at == list.end()) return std::nullopt;
  return Found{list, at};
}

void DeferredAccepts::replace(SessionId client, const JobId& id) {
  const auto found = find(client, id);
  if (!found) return;
  found->list.erase(found->at);
  if (found->list.empty()) emptied();
}

void DeferredAccepts::replace_with(SessionId client, const JobId& id, BatchNumber batch) {
  if (const auto found = find(client, id)) found->at->done_with = batch;
}

void DeferredAccepts::forget(SessionId client) {
  const auto found = clients_.find(client);
  if (found == clients_.end()) return;
  if (!found->second.empty()) emptied();
  clients_.erase(found);
}

void DeferredAccepts::emptied() {
  if (--count_ == 0) waiting_.clear();
}

}  // namespace zebu::broker
