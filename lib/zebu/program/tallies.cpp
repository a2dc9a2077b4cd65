#include "zebu/program/tallies.h"

namespace zebu {

bool Tallies::add(Kind kind, std::string_view what, TimePoint now) {
  auto found = tallies_.find(kind);
  if (found == tallies_.end() && tallies_.size() >= kMostKinds) {
    kind = {"other", "other"};
    found = tallies_.find(kind);
  }
  const bool is_first = found == tallies_.end();
  if (is_first) found = tallies_.emplace(std::move(kind), Tally{now, now}).first;
  Tally& tally = found->second;
  ++tally.count;
  tally.last = now;
  tally.what = what;
  return is_first;
}

std::vector<Tallies::Ended> Tallies::tick(TimePoint now) {
  std::vector<Ended> ended;
  std::erase_if(tallies_, [&](const auto& entry) {
    const Tally& tally = entry.second;
    if (now - (ends_ == Ends::when_quiet ? tally.last : tally.began) < time_) return false;
    const auto lasted = std::chrono::duration_cast<std::chrono::milliseconds>(tally.last - tally.began);
    ended.push_back({entry.first, tally.count, lasted, tally.what});
    return true;
  });
  return ended;
}

}  // namespace zebu
