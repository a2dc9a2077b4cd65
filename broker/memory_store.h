#pragma once

#include <list>
#include <unordered_map>

#include "store.h"

namespace zebu::broker {

// Keeps jobs in memory: nothing outlives the process. It holds the newest `keep` finished jobs.
class MemoryStore final : public Store {
 public:
  explicit MemoryStore(std::size_t keep) : keep_(keep) {}

  [[nodiscard]] std::string_view name() const override { return "memory"; }
  [[nodiscard]] Result<void> commit(std::vector<Record> records) override;
  [[nodiscard]] Result<void> recover(const std::function<void(StoredJob)>& visit) override;

 private:
  void apply(JobAccepted&& record);
  void apply(AttemptStarted&& record);
  void apply(JobPutBack&& record);
  void apply(JobFinished&& record);

  std::size_t keep_;
  std::unordered_map<JobId, StoredJob> jobs_;
  std::list<JobId> finished_;  // oldest first
};

}  // namespace zebu::broker
