#pragma once

#include "broker/engine/jobs/job.h"

#include <boost/intrusive/unordered_set.hpp>

#include <cstddef>
#include <vector>

namespace zebu::broker {

// All jobs in memory, by id. It owns them, and their addresses stay. With many jobs each search waits for memory: here
// it reads a bucket and the first line of a job, where std::unordered_map reads those of the jobs before and behind it
// too.
class JobIndex {
 public:
  JobIndex();
  ~JobIndex();
  JobIndex(const JobIndex&) = delete;
  JobIndex& operator=(const JobIndex&) = delete;

  // Null: there is none.
  [[nodiscard]] Job* find(const JobId& id);
  [[nodiscard]] const Job* find(const JobId& id) const;
  // A new job; there must be none of this id.
  Job& make(const JobId& id);
  void drop(Job& job);

  [[nodiscard]] std::size_t size() const { return jobs_.size(); }
  [[nodiscard]] bool empty() const { return jobs_.empty(); }
  [[nodiscard]] auto begin() { return jobs_.begin(); }
  [[nodiscard]] auto end() { return jobs_.end(); }
  [[nodiscard]] auto begin() const { return jobs_.begin(); }
  [[nodiscard]] auto end() const { return jobs_.end(); }

 private:
  struct ById {
    using type = JobId;
    const JobId& operator()(const Job& job) const { return job.id; }
  };
  using Jobs =
      boost::intrusive::unordered_set<Job, boost::intrusive::base_hook<hooks::Index>,
                                      boost::intrusive::key_of_value<ById>, boost::intrusive::hash<std::hash<JobId>>,
                                      boost::intrusive::power_2_buckets<true>>;
  using Buckets = std::vector<Jobs::bucket_type>;
  static constexpr std::size_t kFewest = 1024;  // buckets

  Buckets buckets_;
  Jobs jobs_;
};

}  // namespace zebu::broker
