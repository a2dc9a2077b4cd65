#pragma once

#include "zebu/ids.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace zebu::producer {

// Ids for the jobs of one run of map, made from the run's id: who knows it finds the job of an input line again, and a
// job that the broker has is not run a second time when it is submitted again.
//
//   48 bits: the run's Unix milliseconds | 34 bits: the line's number | 40 bits: hash of run, task, queue, line,
//   arguments
//
// (and the six bits that make it a UUIDv7), so that later lines' ids are greater, as the broker's store likes it, and a
// line with other arguments than last time has another id.
class MapIds {
 public:
  MapIds(const Uuid& run, std::string_view task, std::string_view queue);

  [[nodiscard]] JobId of(std::uint64_t line, std::string_view args) const;

 private:
  Uuid run_;
  std::string prefix_;  // of what is hashed
};

}  // namespace zebu::producer
