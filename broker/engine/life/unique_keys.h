#pragma once

#include "broker/records/records.h"

#include <optional>
#include <string>
#include <unordered_map>

namespace zebu::broker {

// Unique keys of transient jobs, by unique_name(). The store decides about those of durable ones.
class TransientKeys {
 public:
  [[nodiscard]] std::optional<JobId> holder(const std::string& key) const {
    const auto found = holders_.find(key);
    return found == holders_.end() ? std::nullopt : std::optional(found->second);
  }
  void take(const std::string& key, const JobId& id) { holders_[key] = id; }
  // Does nothing if another job has taken the key since.
  void release(const std::string& key, const JobId& id) {
    const auto found = holders_.find(key);
    if (found != holders_.end() && found->second == id) holders_.erase(found);
  }
  // Drops the keys of forgotten jobs once they are the majority.
  template <class IsKnown>
  void tidy(std::size_t jobs, IsKnown&& is_known) {
    if (holders_.size() <= 2 * jobs + 1000) return;
    std::erase_if(holders_, [&](const auto& entry) { return !is_known(entry.second); });
  }

 private:
  std::unordered_map<std::string, JobId> holders_;
};

// Failed jobs that are being retried or purged, until the commit. A retried job with a unique key stays until the store
// has decided whether the new one gets the key.
class FailedJobs {
 public:
  [[nodiscard]] bool may_retry(const JobId& failed) const {
    return !forgotten_.contains(failed) && !retrying_.contains(failed);
  }
  void retry_with_key(const StoredJob& failed, const JobId& fresh) {
    retrying_.emplace(failed.spec->id, failed);
    retried_.emplace(fresh, failed.spec->id);
  }
  // It is decided whether a new job gets its key. Returns the failed job that it was retried from.
  [[nodiscard]] std::optional<StoredJob> settled(const JobId& fresh) {
    if (retried_.empty()) return std::nullopt;
    const auto found = retried_.find(fresh);
    if (found == retried_.end()) return std::nullopt;
    auto failed = retrying_.extract(found->second);
    retried_.erase(found);
    return failed.empty() ? std::nullopt : std::optional(std::move(failed.mapped()));
  }
  // Marks a job as forgotten by a record in `batch`. False: it was marked already.
  [[nodiscard]] bool forget(const JobId& failed, BatchNumber batch) {
    retrying_.erase(failed);
    return forgotten_.try_emplace(failed, batch).second;
  }
  // The store has dropped the job because its time was up. False: forget() was called before.
  [[nodiscard]] bool dropped(const JobId& failed) {
    if (forgotten_.contains(failed)) return false;
    retrying_.erase(failed);
    return true;
  }
  template <class IsSettled>
  void settle(IsSettled&& is_settled) {
    std::erase_if(forgotten_, [&](const auto& entry) { return is_settled(entry.second); });
  }

 private:
  std::unordered_map<JobId, StoredJob> retrying_;
  std::unordered_map<JobId, JobId> retried_;          // from the new job to the failed one
  std::unordered_map<JobId, BatchNumber> forgotten_;  // until the store has forgotten them too
};

}  // namespace zebu::broker
