#pragma once

#include "broker/store/sqlite/file.h"
#include "broker/store/sqlite/reader.h"

#include <array>
#include <map>
#include <string>
#include <vector>

namespace zebu::broker {

// Compares a SQLite store with itself. Takes memory for the jobs resident only, and time for all of the file.
class StoreCheck {
 public:
  explicit StoreCheck(std::string path) : path_(std::move(path)) {}

  // The problems found, at most some dozens of lines; empty for a whole store. An error: the store cannot be checked,
  // which need not be damage. The caller holds the lock.
  [[nodiscard]] Result<std::vector<std::string>> run();
  [[nodiscard]] std::uint64_t jobs() const { return jobs_; }
  // Arguments and results of more than kLargeValue bytes.
  [[nodiscard]] std::uint64_t large_values() const { return large_values_; }

 private:
  struct Totals {
    std::uint64_t queued = 0;
    std::uint64_t scheduled = 0;
    std::uint64_t failed = 0;
    std::uint64_t bytes = 0;
  };

  void problem(std::string text);
  void check_pages();
  void check_rows(SqliteFile& file);
  void check_structure(SQLite::Database& database);
  void check_jobs(SQLite::Database& database);
  void check_job(const StoredJob& job, bool is_resident, bool is_in_line, bool is_scheduled);
  void check_totals(const std::vector<StoredQueue>& queues, const std::array<std::uint64_t, kJobStates>& counts);
  void expect_equal(const std::string& what, std::uint64_t counted, std::uint64_t stored);

  std::string path_;
  std::vector<std::string> problems_;
  std::uint64_t jobs_ = 0;
  std::uint64_t listed_at_ = 0;  // jobs with JobSpec::listed_at
  std::uint64_t large_values_ = 0;
  std::uint64_t large_bytes_ = 0;
  std::array<std::uint64_t, kJobStates> counts_{};
  std::map<std::string, Totals> queues_;
};

}  // namespace zebu::broker
