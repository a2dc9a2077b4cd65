#include "broker/engine/peers/waiters.h"

#include <algorithm>

namespace zebu::broker {

void Waiters::add(WaiterList& list, SessionId session) const {
  if (std::find(list.begin(), list.end(), session) != list.end()) return;
  // Sessions that are gone make room here, so a list does not grow with reconnections.
  const auto is_gone = [&](SessionId each) { return !present_.contains(each); };
  list.erase(std::remove_if(list.begin(), list.end(), is_gone), list.end());
  list.push_back(session);
}

void Waiters::remove(WaiterList& list, SessionId session) {
  list.erase(std::remove(list.begin(), list.end(), session), list.end());
}

void Waiters::remove_absent(const JobId& id, SessionId session) {
  const auto found = absent_.find(id);
  if (found == absent_.end()) return;
  remove(found->second, session);
  if (found->second.empty()) absent_.erase(found);
}

void Waiters::job_left(const JobId& id, WaiterList&& list) {
  if (!list.empty()) absent_[id] = std::move(list);
}

WaiterList Waiters::job_came(const JobId& id) {
  if (absent_.empty()) return {};
  auto node = absent_.extract(id);
  return node.empty() ? WaiterList() : std::move(node.mapped());
}

std::optional<SessionId> Waiters::take_asker(const JobId& id) {
  if (askers_.empty()) return std::nullopt;
  const auto node = askers_.extract(id);
  return node.empty() ? std::nullopt : std::optional(node.mapped());
}

// By buckets, which stay where they are while entries go. When the table grows, what was looked at may be looked at
// again, or missed until the next session ends.
WaiterList Waiters::take_cancellers(const JobId& id) {
  if (cancellers_.empty()) return {};
  auto node = cancellers_.extract(id);
  return node.empty() ? WaiterList{} : std::move(node.mapped());
}

bool Waiters::sweep(std::size_t most) {
  if (!swept_) return false;
  std::vector<JobId> empty;
  for (std::size_t looked_at = 0; looked_at < most && *swept_ < absent_.bucket_count(); ++*swept_, ++looked_at) {
    for (auto at = absent_.begin(*swept_); at != absent_.end(*swept_); ++at, ++looked_at) {
      WaiterList& list = at->second;
      const auto is_gone = [&](SessionId each) { return !present_.contains(each); };
      list.erase(std::remove_if(list.begin(), list.end(), is_gone), list.end());
      if (list.empty()) empty.push_back(at->first);
    }
  }
  for (const JobId& id : empty) absent_.erase(id);
  if (*swept_ >= absent_.bucket_count()) swept_.reset();
  return swept_.has_value();
}

}  // namespace zebu::broker
