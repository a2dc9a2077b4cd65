#pragma once

#include "zebu/job.h"

namespace zebu::broker {

// How long after its `failures`th failure (from 1) a job is tried again: the policy's delay times its factor for each
// failure before, at most its cap, shortened by a part of up to its jitter. The part comes from the id and the count:
// the same job has the same delays every time, and many jobs that failed together are spread.
[[nodiscard]] std::chrono::milliseconds backoff(const RetryPolicy& policy, const JobId& id, std::uint32_t failures);

}  // namespace zebu::broker
