#include "tests/support/random_records.h"

#include <cstring>

namespace zebu::test {

using namespace zebu::broker;

const std::vector<std::string>& RandomRecords::queues() {
  static const std::vector<std::string> queues = {"default", "reports", "mail"};
  return queues;
}

std::vector<Record> RandomRecords::next(std::size_t count) {
  now_ += std::chrono::milliseconds(below(2000));
  std::vector<Record> records;
  for (std::size_t i = 0; i < count; ++i) records.push_back(make());
  return records;
}

void RandomRecords::refused(const std::vector<Duplicate>& duplicates) {
  for (const Duplicate& one : duplicates) unfinished_.erase(one.spec->sequence);
}

Record RandomRecords::queue_changed() {
  QueueSettings settings{queues()[below(3)], happens(2), happens(2) ? "because" : "", {}};
  if (happens(2)) settings.purge_up_to = 1 + below(9);
  return QueueChanged{std::move(settings)};
}

Record RandomRecords::make() {
  if (happens(40)) return queue_changed();
  if (happens(40)) return ConsumerChanged{ids_.empty() ? id() : ids_[below(ids_.size())], happens(2), happens(2)};
  if (happens(20) && !finished_.empty()) {
    return JobForgotten{finished_[below(finished_.size())], happens(2) ? std::nullopt : std::optional(soon())};
  }
  if (unfinished_.empty() || happens(3)) return accept();
  // Mostly a young one, now and then an old one.
  auto at = unfinished_.begin();
  const std::uint64_t size = unfinished_.size();
  std::advance(
      at, static_cast<std::ptrdiff_t>(happens(3) ? below(size) : size - 1 - below(std::min<std::uint64_t>(size, 20))));
  if (happens(3)) {
    Record record = finish(at->second);
    unfinished_.erase(at);
    return record;
  }
  return go_on(at->second);
}

// Random, but growing with time as a UUIDv7 does.
JobId RandomRecords::id() {
  JobId id;
  const auto ms = static_cast<std::uint64_t>(now_.time_since_epoch().count());
  for (std::size_t i = 0; i < 6; ++i) id.bytes[i] = static_cast<std::uint8_t>(ms >> (8 * (5 - i)));
  const std::uint64_t bits = random_();
  std::memcpy(id.bytes.data() + 6, &bits, sizeof bits);
  return id;
}

JobSpec RandomRecords::spec() {
  JobSpec spec;
  spec.id = !ids_.empty() && happens(15) ? ids_[below(ids_.size())] : id();
  spec.sequence = ++sequence_;
  spec.task = happens(2) ? "fib" : "echo";
  spec.queue = queues()[below(3)];
  spec.args = std::string(happens(10) ? below(20'000) : below(100), static_cast<char>('a' + below(26)));
  spec.submitted = now_;
  spec.options.priority = static_cast<std::uint8_t>(happens(2) ? kDefaultPriority : below(10));
  if (happens(4)) spec.due = soon();
  if (happens(4)) spec.expires = soon();
  spec.is_due_by_wall = spec.due && happens(2);
  spec.is_expiry_by_wall = spec.expires && happens(2);
  if (happens(5)) spec.listed_at = happens(2) ? now_ : soon();
  if (happens(3)) {
    spec.options.unique = "key " + std::to_string(below(6));
    if (happens(2)) spec.options.unique_while = UniqueWhile::queued;
    if (happens(2)) spec.options.unique_for = std::chrono::milliseconds(below(5000));
  }
  if (happens(5)) spec.options.headers = {{"trace", std::to_string(below(100))}};
  return spec;
}

Record RandomRecords::accept() {
  const auto made = std::make_shared<const JobSpec>(spec());
  ids_.push_back(made->id);
  const bool in_line = !made->due && happens(3);
  unfinished_[made->sequence] = {made, made->due ? JobState::scheduled : JobState::queued, !in_line && !made->due, {}};
  return JobAccepted{made, in_line};
}

// A queued job may have been running without a record that says so.
Record RandomRecords::go_on(Job& job) {
  if (job.state == JobState::scheduled) {
    job.state = JobState::queued;
    job.is_resident = !happens(2);
    return JobDue{job.spec, !job.is_resident};
  }
  if (job.state == JobState::queued && job.is_resident && happens(3)) {
    job.is_resident = false;
    return JobEvicted{job.spec};
  }
  if (happens(2)) {
    job.state = JobState::running;
    job.is_resident = true;
    return AttemptStarted{job.spec, ++job.uses.attempt, id(), happens(3)};
  }
  ++(happens(2) ? job.uses.losses : job.uses.crashes);
  if (happens(2)) {
    job.state = JobState::queued;
    return JobPutBack{job.spec, job.uses};
  }
  job.state = JobState::scheduled;
  job.is_resident = false;
  Outcome last{JobState::failed, {}, {}, std::chrono::microseconds(below(1000))};
  last.error = {"std::runtime_error", "no luck", {}, ErrorKind::failure};
  return JobRescheduled{job.spec, job.uses, soon(), std::make_shared<const Outcome>(std::move(last))};
}

Record RandomRecords::finish(Job& job) {
  finished_.push_back(job.spec->id);
  static constexpr JobState kStates[] = {JobState::succeeded, JobState::failed, JobState::cancelled, JobState::expired};
  Outcome outcome{kStates[below(4)], {}, {}, std::chrono::microseconds(below(1000))};
  if (outcome.state == JobState::succeeded) outcome.result = std::string(below(300), 'r');
  if (outcome.state == JobState::failed) outcome.error = {"E", "message", {"trace"}, ErrorKind::crash};
  std::optional<WallTime> forget_at;
  if (!happens(4)) forget_at = soon();
  std::optional<InstanceId> holder;
  if (happens(2)) holder = id();
  auto shared = std::make_shared<const Outcome>(std::move(outcome));
  return JobFinished{job.spec, job.uses, std::move(shared), now_, forget_at, {}, {}, holder};
}

}  // namespace zebu::test
