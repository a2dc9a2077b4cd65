#pragma once

#include "broker/store/sqlite/lock.h"
#include "broker/store/sqlite/rows.h"

#include <SQLiteCpp/SQLiteCpp.h>

#include <memory>

namespace zebu::broker {

struct SqliteOptions {
  std::string path;
  // SQLite's file layer to work on; empty: the system's. Tests put one in that loses what was not synced.
  std::string vfs;
  // Memory for pages; more helps when jobs are looked up whose pages were not used lately.
  std::uint64_t cache_bytes = 64ULL << 20;
  // Pages in the write-ahead log before a commit moves them into the file. Fewer make that pause shorter and more
  // often.
  int checkpoint_pages = 3000;
};

// The error for the exception that is being handled: what was being done, what went wrong and the way out. Damage that
// the file's layer has found (damage_found) goes before SQLite's own text. Null: the file could not be opened.
[[nodiscard]] Error explain(const std::string& doing, const std::string& path, SQLite::Database* database);

// An open file of a store: locked, checked, and with this version's tables. A file of another format is refused.
class SqliteFile {
 public:
  // An error says why the file cannot be used, and the way out.
  [[nodiscard]] static Result<std::unique_ptr<SqliteFile>> open(const SqliteOptions& options);

  [[nodiscard]] SQLite::Database& database() { return *database_; }
  [[nodiscard]] const std::string& path() const { return options_.path; }

  // The newest commit, as the file says.
  [[nodiscard]] const CommitMark& mark() const { return mark_; }
  void set_mark(const CommitMark& mark) { mark_ = mark; }
  // Has the lock remember it.
  void write_mark();

  // As the function below, of this file.
  [[nodiscard]] Error explain(const std::string& doing) { return broker::explain(doing, path(), database_.get()); }

 private:
  SqliteFile(SqliteOptions options, StoreLock lock) : options_(std::move(options)), lock_(std::move(lock)) {}

  void connect();
  void configure();
  void compare_mark();

  SqliteOptions options_;
  StoreLock lock_;
  std::unique_ptr<SQLite::Database> database_;
  CommitMark mark_;
  std::optional<std::uint64_t> written_;  // the commit that the lock remembers
};

// A file by one name, however it was given: its lock and its log stand beside it.
[[nodiscard]] std::string canonical_path(const std::string& path);

}  // namespace zebu::broker
