#pragma once

#include "broker/store/sqlite/disk_room.h"
#include "broker/store/sqlite/lock.h"
#include "broker/store/sqlite/rows.h"
#include "broker/store/sqlite/whereabouts.h"

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
  // For a broker that runs: keeps room free (DiskRoom, which has `reserve` as its share) and a commit waits for it, and
  // looks whether the files are still there. Else a full disk ends the store.
  bool is_looked_after = false;
  std::optional<std::uint64_t> reserve = {};
  AskVolume ask_volume = volume_room;  // tests have volumes of their own
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

  // What an open store is asked now and then. Null: it is not looked after.
  [[nodiscard]] DiskRoom* room() { return room_.get(); }
  // Bytes that the file has free inside, and bytes by which file and log will grow for what they hold now.
  struct Growth {
    std::uint64_t free_inside = 0;
    std::uint64_t owed = 0;
  };
  [[nodiscard]] Growth growth();
  // While there is little room the log is moved into the file sooner, so that it needs less.
  void keep_log_short(bool is_short);
  [[nodiscard]] bool is_log_short() const { return is_log_short_; }
  // An error says that the files are gone, or cannot be written any more. All that was committed is rescued then, as
  // far as that can be, and the error says how and where; nothing may be committed any more. That takes as long as a
  // backup.
  [[nodiscard]] Result<void> look_after_files();

  // As the function above, of this file.
  [[nodiscard]] Error explain(const std::string& doing) { return broker::explain(doing, path(), database_.get()); }

 private:
  SqliteFile(SqliteOptions options, StoreLock lock) : options_(std::move(options)), lock_(std::move(lock)) {}

  void connect();
  void configure();
  void compare_mark();
  void look_after();
  [[nodiscard]] int log_pages() const;
  [[nodiscard]] std::string rescue(const std::string& what_happened);
  [[nodiscard]] bool move_log_into_file();

  SqliteOptions options_;
  StoreLock lock_;
  std::unique_ptr<DiskRoom> room_;  // the database's file layer asks it
  std::unique_ptr<SQLite::Database> database_;
  std::optional<Whereabouts> whereabouts_;
  std::optional<SQLite::Statement> free_pages_;
  std::optional<SQLite::Statement> all_pages_;
  CommitMark mark_;
  bool is_log_short_ = false;
  std::optional<std::uint64_t> written_;  // the commit that the lock remembers
};

// A file by one name, however it was given: its lock and its log stand beside it.
[[nodiscard]] std::string canonical_path(const std::string& path);

}  // namespace zebu::broker
