#pragma once

#include "zebu/error.h"
#include "zebu/ids.h"

#include <cstdint>
#include <optional>
#include <string>

namespace zebu::broker {

// How far a store's file has come: which one it is, and its newest commit.
struct CommitMark {
  Uuid store;
  std::uint64_t commit = 0;

  bool operator==(const CommitMark&) const = default;
};

// The file beside a store (`PATH.lock`) that keeps a second broker away from it. It also remembers the newest commit: a
// store that has less than that lost something (a damaged or missing `PATH-wal`), which SQLite by itself would take for
// the end of its log. The mark is written after each commit and never synced: it may be behind, and never ahead.
// Without the file all works, but for that check.
//
//   ┌ "pid 4711" and spaces, 32 bytes ┬ store's id, 16 ┬ commit, 8 ┬ checksum of both, 8 ┐
class StoreLock {
 public:
  // An error names the process that has the lock.
  [[nodiscard]] static Result<StoreLock> take(const std::string& store_path);
  StoreLock(StoreLock&& other) noexcept;
  StoreLock& operator=(StoreLock&& other) noexcept;
  ~StoreLock();

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] int descriptor() const { return descriptor_; }
  // Unset when the file has no mark, or a damaged one.
  [[nodiscard]] std::optional<CommitMark> mark() const;
  // False when it could not be written; errno says why.
  [[nodiscard]] bool set_mark(const CommitMark& mark);

 private:
  StoreLock(int descriptor, std::string path) : descriptor_(descriptor), path_(std::move(path)) {}

  int descriptor_ = -1;
  std::string path_;
};

}  // namespace zebu::broker
