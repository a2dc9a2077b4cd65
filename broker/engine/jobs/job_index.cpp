#include "broker/engine/jobs/job_index.h"

#include <cassert>
#include <memory>

namespace zebu::broker {

JobIndex::JobIndex() : buckets_(kFewest), jobs_(Jobs::bucket_traits(buckets_.data(), buckets_.size())) {}

JobIndex::~JobIndex() { jobs_.clear_and_dispose(std::default_delete<Job>()); }

Job* JobIndex::find(const JobId& id) {
  const auto found = jobs_.find(id);
  return found == jobs_.end() ? nullptr : &*found;
}

const Job* JobIndex::find(const JobId& id) const {
  const auto found = jobs_.find(id);
  return found == jobs_.end() ? nullptr : &*found;
}

Job& JobIndex::make(const JobId& id) {
  if (jobs_.size() >= buckets_.size()) {
    Buckets more(2 * buckets_.size());
    jobs_.rehash(Jobs::bucket_traits(more.data(), more.size()));
    buckets_.swap(more);
  }
  auto job = std::make_unique<Job>();
  job->id = id;
  [[maybe_unused]] const bool is_new = jobs_.insert(*job).second;
  assert(is_new);
  return *job.release();
}

void JobIndex::drop(Job& job) { jobs_.erase_and_dispose(jobs_.iterator_to(job), std::default_delete<Job>()); }

}  // namespace zebu::broker
