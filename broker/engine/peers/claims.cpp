#include "broker/engine/peers/claims.h"

#include <algorithm>

namespace zebu::broker {

bool Claims::may_keep(const Job& job, const Claimant& who, std::uint32_t attempt) const {
  const bool is_waiting_or_running = job.state == JobState::queued || job.state == JobState::running;
  const bool is_known = job.holder == who.instance && job.uses.attempt == attempt;
  const bool is_newer = attempt > job.uses.attempt && job.spec->sequence < restored_below_ && !who.is_late &&
                        (job.state == JobState::queued || !job.session);
  const bool is_free = !job.session || is_known;
  return is_waiting_or_running && job.place != Place::fresh && is_free && (is_known || is_newer);
}

bool Claims::skip_strays(Job& job) const {
  if (strays_.empty()) return false;
  const auto [first, last] = strays_.equal_range(job.spec->id);
  for (auto stray = first; stray != last; ++stray) {
    job.uses.attempt = std::max(job.uses.attempt, stray->second.run.attempt);
  }
  return first != last;
}

}  // namespace zebu::broker
