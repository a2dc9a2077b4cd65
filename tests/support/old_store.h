#pragma once

#include "broker/records/records.h"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace zebu::test {

// Makes a file as a store of Zebu 0.1 is (format 4), or, with another number, one that says it is of that format.
void make_old_store(const std::string& path, int format = 4);

// What a store of Zebu 0.1 has, as this version should find it.
struct OldJobs {
  std::vector<broker::StoredJob> jobs;              // by sequence
  std::vector<JobId> resident;                      // by sequence
  std::map<std::string, std::vector<JobId>> lines;  // of a queue: in line, by rank and sequence
  std::vector<broker::QueueSettings> settings;
  std::vector<broker::KnownConsumer> consumers;
};
// Fills such a store with jobs 1 to `count` in all states and places: queued and running in memory, in line, scheduled,
// to be retried, and ended in each way; some with unique keys, some with values of more than kLargeValue bytes, and the
// newest two not in their tables yet. `keeps`: whether the result is wanted, which takes memory for all jobs.
OldJobs fill_old_store(const std::string& path, std::uint64_t count, bool keeps = true);

}  // namespace zebu::test
