#pragma once

#include "broker/store/memory/store.h"
#include "broker/store/sqlite/store.h"
#include "tests/support/faulty_disk.h"
#include "tests/support/random_records.h"
#include "tests/support/store_fixture.h"

#include <optional>
#include <string>
#include <vector>

namespace zebu::test {

// A store on the faulty disk, and random commits, of which each is applied to a model too.
class DiskRun {
 public:
  explicit DiskRun(std::uint64_t seed);
  ~DiskRun();

  // Commits until `count` are confirmed or one is not. Returns the error of that one.
  std::optional<Error> commit(int count);
  // As a kill -9, or as the end of a process whose store is dead.
  void close() { store_.reset(); }
  [[nodiscard]] Result<void> open();

  // What the store holds, as text: everything that it can be asked for. An error is the first answer that was one.
  [[nodiscard]] Result<std::string> content();
  // Whether that is what the model said after `confirmed` commits, or after one more.
  [[nodiscard]] bool is_right(const std::string& content, std::size_t confirmed) const;
  [[nodiscard]] std::size_t confirmed() const { return confirmed_; }

  [[nodiscard]] broker::Store& store() { return *store_; }
  [[nodiscard]] std::string path() const { return dir_.path() / "zebu.db"; }
  [[nodiscard]] std::string wal() const { return path() + "-wal"; }
  // The lock's file, which is on a real disk: what it said after so many confirmed commits.
  void put_lock(std::size_t confirmed) { (void)dir_.write("zebu.db.lock", locks_.at(confirmed)); }

 private:
  [[nodiscard]] std::string content_of(broker::Store& store, const broker::Recovered& recovered) const;
  void remember();

  TempDir dir_;
  RandomRecords random_;
  broker::MemoryStore model_;
  std::unique_ptr<broker::SqliteStore> store_;
  std::optional<broker::Recovered> recovered_;
  std::vector<std::string> contents_;  // of the model, by commits
  std::vector<std::string> locks_;     // by confirmed commits
  std::size_t confirmed_ = 0;
};

}  // namespace zebu::test
