#include "consumer/undelivered.h"

#include <algorithm>
#include <utility>

namespace zebu::consumer {
namespace {

constexpr std::size_t kHeader = 16;  // bytes of an OUTCOME before its entries

// Replaces an outcome that no message can hold. Such a frame would break every new connection again.
void fit(Outcome& outcome, std::size_t max_message) {
  const std::size_t size = wire_size(outcome);
  if (kHeader + size <= max_message) return;
  outcome.state = JobState::failed;
  outcome.result = {};
  outcome.error = {"zebu::ResultTooLarge",
                   "the outcome has " + std::to_string(size) + " bytes, and the broker takes messages of at most " +
                       std::to_string(max_message),
                   {},
                   ErrorKind::permanent};
}

}  // namespace

void Undelivered::add(Finished finished) { outcomes_.push_back(std::move(finished)); }

void Undelivered::start_session() {
  for (Finished& finished : in_parts_) outcomes_.push_back(std::move(finished));
  in_parts_.clear();
  sent_ = 0;
  kept_ = 0;
}

std::uint32_t Undelivered::send(std::uint32_t credit, const Limits& limits, const std::function<void(Frame)>& send) {
  Batch batch(message::Type::outcome);
  while (sent_ < outcomes_.size()) {
    Finished& finished = outcomes_[sent_];
    fit(finished.outcome, limits.message);
    const std::size_t size = wire_size(finished.outcome);
    if (batch.is_full(size, limits.part)) send(batch.finish(std::exchange(credit, 0)));
    if (size > limits.part) batch.make_room(size);
    batch.add(message::report_of(finished.id.job, finished.id.attempt, finished.outcome));
    if (batch.size() <= limits.part) {
      ++sent_;
      continue;
    }
    Frame frame = batch.finish();
    const bool is_sent_in_parts = frame.bytes().size() > limits.part;
    send(std::move(frame));
    if (is_sent_in_parts) {
      in_parts_.push_back(std::move(finished));
      outcomes_.erase(outcomes_.begin() + static_cast<std::ptrdiff_t>(sent_));
    } else {
      ++sent_;
    }
  }
  if (!batch.empty()) send(batch.finish(std::exchange(credit, 0)));
  return credit;
}

void Undelivered::keep(const message::Kept& kept) {
  for (const AttemptId& id : kept.in_parts) {
    const auto is_kept = [&](const Finished& finished) { return finished.id == id; };
    // The first one: of a job that was forgotten and submitted again there may be another one.
    const auto kept_one = std::find_if(in_parts_.begin(), in_parts_.end(), is_kept);
    if (kept_one != in_parts_.end()) in_parts_.erase(kept_one);
  }
  if (kept.count <= kept_) return;
  const auto newly = static_cast<std::size_t>(std::min<std::uint64_t>(kept.count - kept_, sent_));
  outcomes_.erase(outcomes_.begin(), outcomes_.begin() + static_cast<std::ptrdiff_t>(newly));
  sent_ -= newly;
  kept_ += newly;
}

void Undelivered::list(std::vector<AttemptId>& into) const {
  for (const Finished& finished : in_parts_) into.push_back(finished.id);
  for (const Finished& finished : outcomes_) into.push_back(finished.id);
}

}  // namespace zebu::consumer
