#pragma once

#include "zebu/job.h"

#include <cstdint>
#include <limits>
#include <optional>
#include <string>

namespace zebu::broker {

// Lists of jobs are in the order of acceptance, newest first. An id names the time at which it was made, so mostly the
// order of the ids is that order. A job whose id names another time, because its submitter's clock is wrong, it waited
// for long, or it is no UUIDv7, has a place of its own (JobSpec::listed_at): among the others, but behind those with
// ids of that same millisecond.

// Where such a job is listed; nullopt: its id is good enough. accepted: by the wall clock.
[[nodiscard]] std::optional<WallTime> listed_at(const JobId& id, WallTime accepted);

// The jobs that a page may begin with.
struct ListPlace {
  // Of those that are listed by id, the ones below this id; unset: all.
  std::optional<JobId> id;
  // Of the others, those below this time and sequence.
  WallTime at = kMaxWallTime;
  std::uint64_t sequence = std::numeric_limits<std::int64_t>::max();

  // The text of ListPage::next. nullopt: it is none.
  [[nodiscard]] static std::optional<ListPlace> parse(const std::string& text);
  // Behind a job.
  [[nodiscard]] static std::string behind(const JobId& id) { return id.to_string(); }
  [[nodiscard]] static std::string behind(WallTime at, std::uint64_t sequence);
};

}  // namespace zebu::broker
