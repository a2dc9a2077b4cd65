#include "broker/engine/jobs/counts.h"

namespace zebu::broker {
namespace {

using metrics::kOther;
using metrics::members_of;

std::size_t place_of(JobState state) {
  std::size_t i = 0;
  while (i + 1 < Finishes::kStates.size() && Finishes::kStates[i] != state) ++i;
  return i;
}

}  // namespace

Counts::Counts(std::uint64_t series)
    : series_(series),
      families_{{{"queue"}, members_of(series, 1)},
                {{"queue", "reason"}, members_of(series, 1)},
                {{"queue", "task"}, members_of(series, Finishes::kStates.size())},
                {{"queue"}, members_of(series, 1)},
                {{"task"}, members_of(series, 1)},
                {{"queue"}, members_of(series, metrics::kHistogramLines)},
                {{"task"}, members_of(series, metrics::kHistogramLines)}} {}

void Counts::opened(std::string_view queue, QueueCounts& counts) {
  if (!is_on()) return;
  counts.accepted = &families_.accepted.at({queue}, {kOther});
  counts.lost = &families_.lost.at({queue}, {kOther});
  counts.wait = &families_.wait.at({queue}, {kOther});
  counts.has_series = queue != kOther && with_series_ < members_of(series_, kGauges);
  if (counts.has_series) ++with_series_;
}

void Counts::closed(const QueueCounts& counts) {
  if (counts.has_series) --with_series_;
}

void Counts::refused(std::string_view queue, ErrorCode why) {
  if (!is_on()) return;
  ++families_.refused.at({queue, to_string(why)}, {kOther, to_string(why)});
}

void Counts::finished(std::string_view queue, QueueCounts& counts, std::string_view task, JobState how) {
  if (is_on()) ++this->task(queue, counts, task).finished->jobs[place_of(how)];
}

const QueueCounts::Task& Counts::find_task(std::string_view queue, QueueCounts& counts, std::string_view task) {
  auto found = counts.tasks.find(task);
  if (found == counts.tasks.end()) {
    if (counts.tasks.size() >= kMostAtOnce) counts.tasks.clear();
    const QueueCounts::Task its{&families_.finished.at({queue, task}, {kOther, kOther}),
                                &families_.crashed.at({task}, {kOther}), &families_.run.at({task}, {kOther})};
    found = counts.tasks.emplace(std::string(task), its).first;
  }
  counts.last = &*found;
  return found->second;
}

}  // namespace zebu::broker
