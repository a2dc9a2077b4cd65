#pragma once

#include "broker/store/store.h"
#include "tests/support/temp_dir.h"

#include <memory>
#include <string>
#include <vector>

// Shared by the tests of stores: every kind of store behind one name, jobs to put in, and jobs as text to compare.
namespace zebu::test {

// A new kind joins this list and open() in store_fixture.cpp.
enum class StoreKind { memory, sqlite };
inline const std::vector<StoreKind> kStoreKinds = {StoreKind::memory, StoreKind::sqlite};

// A store that can be closed and opened again. What MemoryStore holds outlives that here.
class StoreUnderTest {
 public:
  explicit StoreUnderTest(StoreKind kind);
  ~StoreUnderTest();

  broker::Store& operator*() { return *store_; }
  broker::Store* operator->() { return store_.get(); }

  // Commits, and expects that it works.
  std::vector<broker::Duplicate> commit(const std::vector<broker::Record>& records);
  // Opens it anew, and returns what is recovered.
  broker::Recovered reopen();
  std::optional<broker::StoredJob> find(const JobId& id);
  std::vector<JobId> queued(const std::string& queue = "default");

 private:
  void open();

  StoreKind kind_;
  TempDir dir_;
  std::unique_ptr<broker::Store> store_;
};

[[nodiscard]] constexpr WallTime at_second(std::int64_t seconds) { return WallTime(std::chrono::seconds(seconds)); }

// A job, submitted at second 1000. Change what the test is about.
[[nodiscard]] broker::JobSpec job(std::uint64_t sequence);
[[nodiscard]] broker::SharedSpec shared(broker::JobSpec spec);
[[nodiscard]] inline broker::SharedSpec shared_job(std::uint64_t sequence) { return shared(job(sequence)); }
[[nodiscard]] inline broker::SharedSpec spec_with(std::uint64_t sequence, JobOptions options = {}) {
  broker::JobSpec spec = job(sequence);
  spec.options = std::move(options);
  return shared(std::move(spec));
}

[[nodiscard]] broker::SharedOutcome succeeded(std::string result = "\x08");
[[nodiscard]] broker::SharedOutcome failed(std::string message = "no luck");
[[nodiscard]] broker::SharedOutcome cancelled();
// Finished at second 2000, kept until second 3000.
[[nodiscard]] broker::JobFinished finished(const broker::SharedSpec& spec, broker::SharedOutcome outcome = succeeded());

// All of a job, as text.
[[nodiscard]] std::string describe(const broker::StoredJob& job);
[[nodiscard]] std::vector<std::string> describe(const std::vector<broker::StoredJob>& jobs);
[[nodiscard]] std::string describe(const broker::Recovered& recovered);

}  // namespace zebu::test
