#pragma once

#include "producer/options/producer_options.h"
#include "zebu/client.h"

#include <cstdint>
#include <optional>

namespace zebu::producer {

// How many jobs ended in which way.
struct Tally {
  std::uint64_t succeeded = 0;
  std::uint64_t failed = 0;
  std::uint64_t cancelled = 0;
  std::uint64_t expired = 0;
  std::optional<TaskError> first_error;

  void add(const Result<Outcome>& outcome);
};

// A line on stdout, and the first failure on stderr.
void print_tally(Output output, const Tally& tally, double seconds);

}  // namespace zebu::producer
