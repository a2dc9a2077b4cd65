#pragma once

#include "broker/store/store.h"

#include <map>
#include <random>
#include <string>
#include <vector>

namespace zebu::test {

// Makes records as an engine might: each follows from what happened to its job before. A seed makes the same ones
// again. Some jobs are submitted twice, share a unique key, or go on for a while as if they had not been refused.
class RandomRecords {
 public:
  explicit RandomRecords(std::uint64_t seed) : random_(seed) {}

  [[nodiscard]] std::vector<broker::Record> next(std::size_t count);
  // What the store said of the last ones: those jobs are not there.
  void refused(const std::vector<broker::Duplicate>& duplicates);

  [[nodiscard]] std::uint64_t below(std::uint64_t end) { return random_() % end; }
  [[nodiscard]] WallTime now() const { return now_; }
  [[nodiscard]] const std::vector<JobId>& ids() const { return ids_; }
  [[nodiscard]] static const std::vector<std::string>& queues();

 private:
  struct Job {
    broker::SharedSpec spec;
    JobState state = JobState::queued;
    bool is_resident = true;
    broker::Uses uses;
  };

  [[nodiscard]] broker::Record make();
  [[nodiscard]] broker::Record queue_changed();
  [[nodiscard]] broker::Record accept();
  [[nodiscard]] broker::Record go_on(Job& job);
  [[nodiscard]] broker::Record finish(Job& job);
  [[nodiscard]] broker::JobSpec spec();
  [[nodiscard]] JobId id();
  [[nodiscard]] bool happens(std::uint64_t one_in) { return below(one_in) == 0; }
  [[nodiscard]] WallTime soon() { return now_ + std::chrono::milliseconds(below(5000)); }

  std::mt19937_64 random_;
  WallTime now_{std::chrono::seconds(1'700'000'000)};
  std::uint64_t sequence_ = 0;
  std::vector<JobId> ids_;
  std::map<std::uint64_t, Job> unfinished_;  // by sequence
  std::vector<JobId> finished_;
};

}  // namespace zebu::test
