#pragma once

#include "zebu/ids.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace zebu::producer {

// Derives the job ids of one run of map from the run's id. A resumed map that knows the run's id finds the job of each
// input line again: submitting a job that the broker already has does not run it twice.
//
//   48 bits: the run's Unix milliseconds | 34 bits: the line's number | 30 bits: hash of run, task, queue, line,
//   arguments | 10 bits: 0, see Uuid::shard()
//
// plus the six bits that make it a UUIDv7. Later lines have greater ids, which the broker's store inserts faster. A
// line whose arguments have changed since the last run has a different id.
class MapIds {
 public:
  MapIds(const Uuid& run, std::string_view task, std::string_view queue);

  [[nodiscard]] JobId of(std::uint64_t line, std::string_view args, std::string_view kwargs = {}) const;

 private:
  Uuid run_;
  std::string prefix_;  // of the hashed text
};

}  // namespace zebu::producer
