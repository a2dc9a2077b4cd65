#include "zebu/wire/hearing.h"

namespace zebu {
namespace {

constexpr std::size_t kEchoesAtOnce = 32;

}  // namespace

void Hearing::begin(TimePoint sent) {
  unanswered_.clear();
  last_ = sent;
}

std::optional<std::uint64_t> Hearing::ask(TimePoint now) {
  if (unanswered_.size() >= kEchoesAtOnce) return std::nullopt;
  unanswered_.push_back({++last_number_, now});
  return last_number_;
}

// They are answered in their order.
void Hearing::answered(std::uint64_t number) {
  while (!unanswered_.empty() && unanswered_.front().number <= number) {
    last_ = unanswered_.front().sent;
    unanswered_.pop_front();
  }
}

}  // namespace zebu
