#include "at_hand.h"

#include <algorithm>
#include <utility>

namespace zebu::broker {
namespace {

constexpr std::size_t kThin = 8;  // a row with less than one job in so many left is emptied

}  // namespace

AtHand::Job* AtHand::find(std::uint64_t sequence) {
  const auto found = jobs_.find(sequence);
  return found == jobs_.end() ? nullptr : &found->second;
}

const AtHand::Job* AtHand::find(std::uint64_t sequence) const {
  const auto found = jobs_.find(sequence);
  return found == jobs_.end() ? nullptr : &found->second;
}

AtHand::Job& AtHand::add(std::uint64_t sequence, const JobId& id) {
  newest_.push_back(sequence);
  return jobs_.insert_or_assign(sequence, Job{next_row_, id}).first->second;
}

std::optional<AtHand::Job> AtHand::take(std::uint64_t sequence) {
  const auto found = jobs_.find(sequence);
  if (found == jobs_.end()) return std::nullopt;
  const Job job = found->second;
  jobs_.erase(found);
  const auto row = rows_.find(job.row);
  if (row != rows_.end() && --row->second.left * kThin < row->second.count) thin_.push_back(job.row);
  return job;
}

AtHand::Changes AtHand::settle() {
  Changes changes;
  changes.number = next_row_;
  std::sort(thin_.begin(), thin_.end());
  thin_.erase(std::unique(thin_.begin(), thin_.end()), thin_.end());
  for (const std::uint64_t number : thin_) empty(number);
  changes.gone = std::exchange(thin_, {});

  // A job may have come, gone and come again.
  std::sort(newest_.begin(), newest_.end());
  newest_.erase(std::unique(newest_.begin(), newest_.end()), newest_.end());
  std::erase_if(newest_, [&](std::uint64_t sequence) {
    const Job* job = find(sequence);
    if (job != nullptr) changes.added.push_back(job->id);
    return job == nullptr;
  });
  if (!newest_.empty()) {
    const std::size_t count = newest_.size();
    rows_.emplace(next_row_++, Row{std::exchange(newest_, {}), count, count});
  }
  return changes;
}

void AtHand::empty(std::uint64_t number) {
  const auto row = rows_.find(number);
  for (const std::uint64_t sequence : row->second.jobs) {
    Job* job = find(sequence);
    if (job == nullptr || job->row != number) continue;
    job->row = next_row_;
    newest_.push_back(sequence);
  }
  rows_.erase(row);
}

void AtHand::restore_row(std::uint64_t number, std::size_t count, std::vector<std::uint64_t> left) {
  next_row_ = std::max(next_row_, number + 1);
  const std::size_t size = left.size();
  if (size * kThin < count || size == 0) thin_.push_back(number);
  rows_.emplace(number, Row{std::move(left), count, size});
}

}  // namespace zebu::broker
