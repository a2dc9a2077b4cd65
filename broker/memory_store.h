#pragma once

#include "store.h"

#include <list>
#include <unordered_map>

namespace zebu::broker {

// Keeps jobs in memory: nothing outlives the process. It holds the newest finished jobs: at most `keep` of them, of at
// most `keep_bytes` together.
class MemoryStore final : public Store {
 public:
  MemoryStore(std::size_t keep, std::size_t keep_bytes) : keep_(keep), keep_bytes_(keep_bytes) {}

  [[nodiscard]] std::string_view name() const override { return "memory"; }
  [[nodiscard]] Result<void> commit(std::vector<Record> records) override;
  [[nodiscard]] Result<void> recover(const std::function<void(StoredJob)>& visit) override;

 private:
  void apply(JobAccepted&& record);
  void apply(AttemptStarted&& record);
  void apply(JobPutBack&& record);
  void apply(JobFinished&& record);

  void trim_finished();

  std::size_t keep_;
  std::size_t keep_bytes_;
  std::unordered_map<JobId, StoredJob> jobs_;
  std::list<JobId> finished_;  // oldest first
  std::size_t finished_bytes_ = 0;
};

}  // namespace zebu::broker
