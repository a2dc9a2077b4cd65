#pragma once

#include "broker/records/records.h"
#include "zebu/error.h"

#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace zebu::broker {

// How a store is.
struct StoreState {
  // Bytes of new jobs that fit, all but what is being committed counted in; unset: without a limit. What becomes of
  // jobs that the store has is never refused: it keeps room for that.
  std::optional<std::uint64_t> room = {};
  bool is_full = false;  // room is 0, and stays so until there is clearly more
  bool is_nearly_full = false;
  bool is_low = false;  // little is left even of what is kept for the jobs that the store has
};

// Where durable jobs live. After a crash the store holds a prefix of the commits, each of them whole. After an error
// the store is dead, and the broker with it (docs/architecture.md): every later call fails too. One thread at a time
// calls it. Every implementation passes tests/unit/store_test.cpp.
class Store {
 public:
  virtual ~Store() = default;

  // "memory", "sqlite:/var/lib/zebu/zebu.db"; shown to people.
  [[nodiscard]] virtual std::string_view name() const = 0;

  // Once, before all else. Takes time for the resident jobs, the queues and the lines, not for the jobs that are in
  // line or finished.
  [[nodiscard]] virtual Result<Recovered> recover() = 0;

  // Returns once the records are as safe as this store makes them.
  [[nodiscard]] virtual Result<std::vector<Duplicate>> commit(const std::vector<Record>& records) = 0;

  // After a commit or reads: work for which no reply has to wait. An error shows at the next call.
  virtual void tidy() {}

  // How it is, by a few system calls. An error: what it needs is gone, so it is dead.
  [[nodiscard]] virtual Result<StoreState> look() { return StoreState{}; }

  // These two may be called by any thread.
  // Why a call does not return, such as a commit that waits for room on a full disk; empty: all goes on.
  [[nodiscard]] virtual std::string trouble() const { return {}; }
  // The broker is to end: a call that waits like this fails, now and later.
  virtual void give_up() {}

  // In the order of `ids`; unset for an id that the store does not have. No more after kPageBytes of jobs, results and
  // errors, so the others have to be asked for again.
  [[nodiscard]] virtual Result<std::vector<std::optional<StoredJob>>> find(const std::vector<JobId>& ids) = 0;
  // The same, where it saves something without arguments that are too large to be shown (StoredJob::args_left_out).
  [[nodiscard]] virtual Result<std::vector<std::optional<StoredJob>>> find_to_show(const std::vector<JobId>& ids) {
    return find(ids);
  }

  // The first jobs from `from` on in a line, in its order: at most `limit`, and no more after `bytes` of
  // JobSpec::size(). They stay in line until a record takes them out: AttemptStarted, JobRescheduled, JobFinished.
  [[nodiscard]] virtual Result<std::vector<StoredJob>> load_queued(const LineName& line, LineKey from,
                                                                   std::size_t limit, std::size_t bytes) = 0;
  // The same of all scheduled jobs, by their time.
  [[nodiscard]] virtual Result<std::vector<StoredJob>> load_scheduled(ScheduleKey from, std::size_t limit,
                                                                      std::size_t bytes) = 0;
  // Up to `limit` jobs that are in line or in the schedule and whose `expires` is not after `latest`, by that time,
  // from `from` on.
  [[nodiscard]] virtual Result<std::vector<StoredJob>> load_expired(WallTime latest, std::size_t limit,
                                                                    ExpiryKey from) = 0;

  // A page of jobs, as of the last commit. A call looks at a bounded number of jobs, so a page may hold less than the
  // limit and still have a `next`.
  [[nodiscard]] virtual Result<ListPage> list(const ListFilter& filter) = 0;

  // Drops up to `limit` outcomes whose time is up, and unique keys with them. If it returns as many as the limit, there
  // may be more. A call looks at a bounded number of jobs, so later calls may find more all the same.
  [[nodiscard]] virtual Result<std::vector<Dropped>> forget(WallTime now, std::size_t limit) = 0;
  // Of each of these queues that has more than `keep` failed jobs, drops those that failed first, until `keep` are left
  // or `limit` have been dropped in all.
  [[nodiscard]] virtual Result<std::vector<Dropped>> forget_failed(const std::vector<std::string>& queues,
                                                                   std::uint64_t keep, std::size_t limit) = 0;
};

}  // namespace zebu::broker
