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
  sent_ = 0;
  kept_ = 0;
}

bool Undelivered::send(std::uint32_t credit, std::size_t max_message, const std::function<void(Frame)>& send) {
  if (sent_ == outcomes_.size()) return false;
  Batch batch(message::Type::outcome);
  for (; sent_ < outcomes_.size(); ++sent_) {
    Finished& finished = outcomes_[sent_];
    fit(finished.outcome, max_message);
    if (batch.is_full(wire_size(finished.outcome), max_message)) send(batch.finish(std::exchange(credit, 0)));
    batch.add(message::report_of(finished.id.job, finished.id.attempt, finished.outcome));
  }
  send(batch.finish(credit));
  return true;
}

void Undelivered::keep(std::uint64_t count) {
  if (count <= kept_) return;
  const auto newly = static_cast<std::size_t>(std::min<std::uint64_t>(count - kept_, sent_));
  outcomes_.erase(outcomes_.begin(), outcomes_.begin() + static_cast<std::ptrdiff_t>(newly));
  sent_ -= newly;
  kept_ += newly;
}

void Undelivered::list(std::vector<AttemptId>& into) const {
  for (const Finished& finished : outcomes_) into.push_back(finished.id);
}

}  // namespace zebu::consumer
