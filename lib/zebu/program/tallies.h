#pragma once

#include "zebu/job.h"

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace zebu {

// What happens often and is told twice: when it begins, and with its number when it has ended. By kind, which two texts
// name; the number of kinds is bounded, and those beyond it are one. Pure: time is a parameter.
class Tallies {
 public:
  using Kind = std::pair<std::string, std::string>;
  struct Ended {
    Kind kind;
    std::uint64_t count;               // with the first one
    std::chrono::milliseconds lasted;  // from the first to the last one
    std::string last;                  // that was added
  };
  enum class Ends { when_quiet, in_time };

  // A tally ends when nothing has been added for `time`, or that long after it began.
  Tallies(Ends ends, std::chrono::milliseconds time) : ends_(ends), time_(time) {}

  // True for the first of its kind.
  bool add(Kind kind, std::string_view what, TimePoint now);
  // Those that have ended.
  [[nodiscard]] std::vector<Ended> tick(TimePoint now);

  static constexpr std::size_t kMostKinds = 1000;

 private:
  struct Tally {
    TimePoint began;
    TimePoint last;
    std::uint64_t count = 0;
    std::string what = {};
  };

  Ends ends_;
  std::chrono::milliseconds time_;
  std::map<Kind, Tally> tallies_;
};

}  // namespace zebu
