#pragma once

#include "broker/records/records.h"

#include <optional>
#include <variant>

namespace zebu::broker {

// Reads of the store, asked for by the engine or the server. A read sees everything that was decided before it was
// asked for.
struct LoadQueued {
  LineName line;
  LineKey from;
  std::size_t limit = 0;
  std::size_t bytes = 0;
};
struct LoadScheduled {
  ScheduleKey from;
  std::size_t limit = 0;
  std::size_t bytes = 0;
  bool to_purge = false;  // only to look for those of queues that are purged; they do not come into memory
};
// Those with a time (JobSpec::expires, whatever its clock) up to `latest`, in its order.
struct LoadExpired {
  WallTime latest{};
  std::size_t limit = 0;
  ExpiryKey from = {};
};
struct Find {
  std::vector<JobId> ids;
  std::optional<std::uint64_t> asker = {};  // a number of the server's; none: the engine asks
  bool to_show = false;                     // Store::find_to_show
};
struct List {
  ListFilter filter;
  std::optional<std::uint64_t> asker = {};
};
struct Forget {
  WallTime now{};
  std::size_t limit = 0;
};
// Of queues with more than `keep` failed jobs: the oldest of those.
struct ForgetFailed {
  std::vector<std::string> queues;
  std::uint64_t keep = 0;
  std::size_t limit = 0;
};
using Read = std::variant<LoadQueued, LoadScheduled, LoadExpired, Find, List, Forget, ForgetFailed>;

// The answers, each with its read.
struct QueuedLoaded {
  LoadQueued asked;
  std::vector<StoredJob> jobs;
};
struct ScheduledLoaded {
  LoadScheduled asked;
  std::vector<StoredJob> jobs;
};
struct ExpiredLoaded {
  LoadExpired asked;
  std::vector<StoredJob> jobs;
};
// Of the first ids only, if the jobs are large (Store::find).
struct Found {
  Find asked;
  std::vector<std::optional<StoredJob>> jobs;
};
struct Listed {
  List asked;
  ListPage page;
};
struct Forgotten {
  Forget asked;
  std::vector<Dropped> jobs;
};
struct FailedForgotten {
  ForgetFailed asked;
  std::vector<Dropped> jobs;
};
using ReadAnswer =
    std::variant<QueuedLoaded, ScheduledLoaded, ExpiredLoaded, Found, Listed, Forgotten, FailedForgotten>;

}  // namespace zebu::broker
