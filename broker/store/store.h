#pragma once

#include "broker/records/records.h"
#include "zebu/error.h"

#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace zebu::broker {

// Where durable jobs live. A commit holds all of its records or, after a crash, the store holds a prefix of the
// commits. After an error the store is dead, and the broker with it (docs/architecture.md): every later call fails too.
// One thread at a time calls it. Every implementation passes tests/unit/store_test.cpp.
class Store {
 public:
  virtual ~Store() = default;

  // "memory", "sqlite:/var/lib/zebu/zebu.db"; shown to people.
  [[nodiscard]] virtual std::string_view name() const = 0;

  // Once, before all else. What it takes does not grow with what is in line or finished.
  [[nodiscard]] virtual Result<Recovered> recover() = 0;

  // Returns once the records are as safe as this store makes them.
  [[nodiscard]] virtual Result<std::vector<Duplicate>> commit(const std::vector<Record>& records) = 0;

  // After a commit or reads, when their end has been told: what nobody need wait for. An error is found at the next
  // call.
  virtual void tidy() {}

  // In the order of `ids`, nothing for one that is not there.
  [[nodiscard]] virtual Result<std::vector<std::optional<StoredJob>>> find(const std::vector<JobId>& ids) = 0;

  // The first jobs from `from` on in a line, in its order: at most `limit`, and no more after `bytes` of
  // JobSpec::size(). They stay in line until a record takes them out: AttemptStarted, JobRescheduled, JobFinished.
  [[nodiscard]] virtual Result<std::vector<StoredJob>> load_queued(const LineName& line, LineKey from,
                                                                   std::size_t limit, std::size_t bytes) = 0;
  // The same of all scheduled jobs, by their time.
  [[nodiscard]] virtual Result<std::vector<StoredJob>> load_scheduled(ScheduleKey from, std::size_t limit,
                                                                      std::size_t bytes) = 0;
  // Up to `limit` jobs that are in line or in the schedule and whose `expires` is not after `now`.
  [[nodiscard]] virtual Result<std::vector<StoredJob>> load_expired(WallTime now, std::size_t limit) = 0;

  // A page of jobs, from what the commits so far say. It may hold less than the limit and still have a `next`: a call
  // looks at a bounded number of jobs.
  [[nodiscard]] virtual Result<ListPage> list(const ListFilter& filter) = 0;

  // Drops up to `limit` outcomes whose time is up, and unique keys with them. As many as the limit mean that there may
  // be more.
  [[nodiscard]] virtual Result<std::vector<Dropped>> forget(WallTime now, std::size_t limit) = 0;
};

}  // namespace zebu::broker
