#include "broker/store/sqlite/resident.h"

#include <algorithm>
#include <utility>

namespace zebu::broker {
namespace {

constexpr std::size_t kThin = 8;   // a row with less than one job in so many left is emptied
constexpr std::size_t kList = 64;  // a longer list of the newest becomes a row

}  // namespace

ResidentJobs::Job* ResidentJobs::find(std::uint64_t sequence) {
  const auto found = jobs_.find(sequence);
  return found == jobs_.end() ? nullptr : &found->second;
}

const ResidentJobs::Job* ResidentJobs::find(std::uint64_t sequence) const {
  const auto found = jobs_.find(sequence);
  return found == jobs_.end() ? nullptr : &found->second;
}

ResidentJobs::Job& ResidentJobs::add(std::uint64_t sequence, const JobId& id) {
  newest_.push_back({sequence, id});
  return jobs_.insert_or_assign(sequence, Job{next_row_, id}).first->second;
}

std::optional<ResidentJobs::Job> ResidentJobs::take(std::uint64_t sequence) {
  const auto found = jobs_.find(sequence);
  if (found == jobs_.end()) return std::nullopt;
  const Job job = found->second;
  jobs_.erase(found);
  const auto row = rows_.find(job.row);
  if (row != rows_.end() && --row->second.left * kThin < row->second.count) thin_.push_back(job.row);
  return job;
}

ResidentJobs::Changes ResidentJobs::settle() {
  Changes changes;
  changes.number = next_row_;
  std::sort(thin_.begin(), thin_.end());
  thin_.erase(std::unique(thin_.begin(), thin_.end()), thin_.end());
  for (const std::uint64_t number : thin_) empty(number);
  changes.gone = std::exchange(thin_, {});
  changes.names_fewer = !changes.gone.empty();
  if (newest_.size() <= kList) return changes;

  changes.names_fewer = true;
  std::erase_if(newest_, [&](const Newest& one) {
    const Job* job = find(one.sequence);
    return job == nullptr || job->row != next_row_;
  });
  // A job may have come, gone and come again.
  const auto by_sequence = [](const Newest& a, const Newest& b) { return a.sequence < b.sequence; };
  const auto is_same = [](const Newest& a, const Newest& b) { return a.sequence == b.sequence; };
  std::sort(newest_.begin(), newest_.end(), by_sequence);
  newest_.erase(std::unique(newest_.begin(), newest_.end(), is_same), newest_.end());
  if (newest_.size() > kList / 2) add_row(changes);
  return changes;
}

void ResidentJobs::add_row(Changes& changes) {
  Row row{{}, newest_.size(), newest_.size()};
  row.jobs.reserve(row.count);
  changes.added.reserve(row.count);
  for (const Newest& one : newest_) {
    row.jobs.push_back(one.sequence);
    changes.added.push_back(one.id);
  }
  rows_.emplace(next_row_++, std::move(row));
  newest_.clear();
}

std::vector<JobId> ResidentJobs::newest() const {
  std::vector<JobId> ids;
  ids.reserve(newest_.size());
  for (const Newest& one : newest_) ids.push_back(one.id);
  return ids;
}

void ResidentJobs::empty(std::uint64_t number) {
  const auto row = rows_.find(number);
  for (const std::uint64_t sequence : row->second.jobs) {
    Job* job = find(sequence);
    if (job == nullptr || job->row != number) continue;
    job->row = next_row_;
    newest_.push_back({sequence, job->id});
  }
  rows_.erase(row);
}

void ResidentJobs::restore_newest(std::uint64_t next_row, const std::vector<std::uint64_t>& left) {
  next_row_ = next_row;
  for (const std::uint64_t sequence : left) newest_.push_back({sequence, find(sequence)->id});
}

void ResidentJobs::restore_row(std::uint64_t number, std::size_t count, std::vector<std::uint64_t> left) {
  const std::size_t size = left.size();
  if (size * kThin < count || size == 0) thin_.push_back(number);
  rows_.emplace(number, Row{std::move(left), count, size});
}

}  // namespace zebu::broker
