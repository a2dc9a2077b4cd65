#include "broker/store/sqlite/migration.h"

#include "broker/store/sqlite/check.h"
#include "broker/store/sqlite/file.h"
#include "broker/store/sqlite/file_layer.h"
#include "broker/store/sqlite/lock.h"
#include "broker/store/sqlite/old_store.h"
#include "broker/store/sqlite/schema.h"
#include "broker/store/sqlite/system_files.h"

#include <sys/stat.h>
#include <sys/statvfs.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <sqlite3.h>
#include <unistd.h>

namespace zebu::broker {
namespace {

namespace fs = std::filesystem;

// Beside the size of the old store: the log of the new file, and what a page that is not full costs.
constexpr double kGrowth = 1.25;
constexpr std::uint64_t kLogRoom = 96ULL << 20;

// How far the new file is, and the tables that only the copy needs.
const char* const kProgress = R"(
  CREATE TABLE migration(store BLOB NOT NULL, commits INTEGER NOT NULL, step INTEGER NOT NULL, rows INTEGER NOT NULL,
    a, b, c);
  CREATE TABLE migrated_large(sequence INTEGER PRIMARY KEY, id BLOB NOT NULL, number INTEGER NOT NULL,
    size INTEGER NOT NULL);
)";

std::string in_mib(std::uint64_t bytes) { return std::to_string((bytes + (1U << 20) - 1) >> 20) + " MiB"; }

std::uint64_t size_of_file(const std::string& path) {
  std::error_code error;
  const auto size = fs::file_size(path, error);
  return error ? 0 : size;
}

std::string folder_of(const std::string& path) { return fs::absolute(path).parent_path().string(); }

// One migration, by the files that there are.
class Migration {
 public:
  explicit Migration(const MigrationOptions& options)
      : options_(options),
        path_(canonical_path(options.path)),
        fresh_path_(path_ + ".migrating"),
        kept_path_(path_ + ".format" + std::to_string(kOldFormat)) {}

  Result<std::string> run() {
    auto lock = StoreLock::take(path_);
    if (!lock) return tl::make_unexpected(lock.error());
    if (const auto opened = open_old(*lock); !opened) return tl::make_unexpected(opened.error());
    if (!old_) return "the store '" + path_ + "' has format " + std::to_string(kFormat) + ": there is nothing to do.";
    if (const auto named = check_names(); !named) return tl::make_unexpected(named.error());
    if (const auto fits = check_room(); !fits) return tl::make_unexpected(fits.error());
    if (const auto copied = copy(); !copied) return tl::make_unexpected(copied.error());
    if (const auto whole = verify(); !whole) return tl::make_unexpected(whole.error());
    if (const auto placed = put_in_place(); !placed) return tl::make_unexpected(placed.error());
    return "the store '" + path_ + "' has format " + std::to_string(kFormat) + " now, with " + std::to_string(jobs_) +
           " jobs. The old file is '" + kept_path_ + "': remove it when the broker runs well.";
  }

 private:
  struct Mark {
    Uuid store;
    std::int64_t commits = 0;
  };

  static std::unique_ptr<SQLite::Database> open_file(const std::string& path, int flags) {
    return std::make_unique<SQLite::Database>(path, SQLite::OPEN_READWRITE | SQLite::OPEN_NOMUTEX | flags, 5000,
                                              file_layer(""));
  }

  // Leaves old_ empty if the store has this version's format.
  Result<void> open_old(const StoreLock& lock) {
    std::error_code ignored;
    if (!fs::is_regular_file(path_, ignored)) {
      return fail(ErrorCode::system, "there is no store '" + path_ + "': name it with --store sqlite:PATH.");
    }
    try {
      old_ = open_file(path_, 0);
      const int application = old_->execAndGet("PRAGMA application_id").getInt();
      const int format = format_of(*old_);
      if (application != kApplicationId) return fail(ErrorCode::system, "'" + path_ + "' is not a Zebu store");
      if (format == kFormat) return old_.reset(), Result<void>();
      if (format != kOldFormat) {
        return fail(ErrorCode::system,
                    "the store '" + path_ + "' has format " + std::to_string(format) + ", and only format " +
                        std::to_string(kOldFormat) + ", that of Zebu 0.1.0, can be migrated" +
                        (format < kOldFormat ? ": start the zebu-broker 0.1.0 once, which raises it." : "."));
      }
      if (page_checksum(old_->getHandle()) != PageChecksum::sums) throw StoreDamage("its pages have no checksums");
      old_->exec("PRAGMA wal_checkpoint(TRUNCATE)");  // a broker that was killed has left it a log
      read_mark(lock);
    } catch (const std::exception&) {
      return tl::make_unexpected(explain("read it", path_, old_.get()));
    }
    return {};
  }

  // The newest commits must not be missing.
  void read_mark(const StoreLock& lock) {
    SQLite::Statement store(*old_, "SELECT id, commits FROM store");
    if (!store.executeStep()) throw StoreDamage("it does not say which store it is");
    const SQLite::Column id = store.getColumn(0);
    const auto uuid =
        Uuid::from_bytes({static_cast<const char*>(id.getBlob()), static_cast<std::size_t>(id.getBytes())});
    if (!uuid) throw StoreDamage("it does not say which store it is");
    mark_ = {*uuid, store.getColumn(1).getInt64()};
    const auto remembered = lock.mark();
    if (remembered && remembered->store == mark_.store &&
        remembered->commit > static_cast<std::uint64_t>(mark_.commits)) {
      throw StoreDamage("its newest commits are missing (if that is meant, remove '" + lock.path() + "')");
    }
  }

  // The old file's new name is free, or is the old file's already.
  Result<void> check_names() const {
    std::error_code ignored;
    if (!fs::exists(kept_path_, ignored) || fs::equivalent(kept_path_, path_, ignored)) return {};
    return fail(ErrorCode::system, "'" + kept_path_ + "' exists already: the old store gets that name. Move it away.");
  }

  Result<void> check_room() const {
    const std::uint64_t there = size_of_file(fresh_path_) + size_of_file(fresh_path_ + "-wal");
    const auto whole = static_cast<std::uint64_t>(static_cast<double>(size_of_file(path_)) * kGrowth) + kLogRoom;
    const std::uint64_t needed = whole > there ? whole - there : 0;
    struct statvfs disk = {};
    if (statvfs(folder_of(path_).c_str(), &disk) != 0) return system_error("ask for the free space beside", path_);
    const std::uint64_t free = std::uint64_t{disk.f_bavail} * disk.f_frsize;
    const std::string facts = "the new file needs up to " + in_mib(needed) + " beside '" + path_ + "' (" +
                              in_mib(size_of_file(path_)) + "), where " + in_mib(free) + " are free";
    if (free < needed) return fail(ErrorCode::system, facts + ": free space there first.");
    options_.say(facts);
    return {};
  }

  // ── copying
  Result<void> copy() {
    try {
      open_fresh();
      if (format_of(*fresh_) == kFormat) return {};  // all of it is there
      copy_tables();
      finish_copy();
    } catch (const std::exception&) {
      const bool is_olds = damage_found(old_->getHandle()).has_value();
      return is_olds || !fresh_ ? tl::make_unexpected(explain("migrate it", path_, old_.get()))
                                : tl::make_unexpected(explain("migrate it to '" + fresh_path_ + "'", path_, nullptr));
    }
    return {};
  }

  void open_fresh() {
    connect_fresh();
    if (!is_of_this_store()) {
      fresh_.reset();
      for (const char* end : {"", "-wal", "-shm", ".lock"}) fs::remove(fresh_path_ + end);
      connect_fresh();
    }
    fresh_->exec("PRAGMA journal_mode = WAL");
    fresh_->exec("PRAGMA synchronous = FULL");
    fresh_->exec("PRAGMA secure_delete = OFF");
    fresh_->exec("PRAGMA cache_size = -262144");
    if (!is_empty()) return;
    create_tables(*fresh_);
    SQLite::Transaction transaction(*fresh_);
    fresh_->exec("PRAGMA user_version = 0");  // no broker takes it for a store before all of it is there
    fresh_->exec(kProgress);
    Statement begin(*fresh_, "INSERT INTO migration(store, commits, step, rows) VALUES(?, ?, -1, 0)");
    begin.run(mark_.store, mark_.commits);
    transaction.commit();
    options_.done("made");
  }

  void connect_fresh() {
    fresh_ = open_file(fresh_path_, SQLite::OPEN_CREATE);
    int reserve = kPageReserve;
    sqlite3_file_control(fresh_->getHandle(), "main", SQLITE_FCNTL_RESERVE_BYTES, &reserve);
    fresh_->exec("PRAGMA page_size = " + std::to_string(kPageSize));
  }

  bool is_empty() const { return fresh_->execAndGet("SELECT count(*) FROM sqlite_master").getInt() == 0; }

  // A new file that was begun for the old store as it is now, or is empty.
  bool is_of_this_store() const {
    if (is_empty()) return true;
    const bool is_complete = format_of(*fresh_) == kFormat;
    const bool has_progress =
        fresh_->execAndGet("SELECT count(*) FROM sqlite_master WHERE name = 'migration'").getInt() > 0;
    if (!is_complete && !has_progress) return false;
    SQLite::Statement mark(*fresh_,
                           is_complete ? "SELECT id, commits FROM store" : "SELECT store, commits FROM migration");
    if (!mark.executeStep()) return false;
    const SQLite::Column id = mark.getColumn(0);
    return Bytes(static_cast<const char*>(id.getBlob()), static_cast<std::size_t>(id.getBytes())) ==
               mark_.store.view() &&
           mark.getColumn(1).getInt64() == mark_.commits;
  }

  void copy_tables() {
    OldStore store(*old_, *fresh_);
    store.load();
    std::int64_t step = -1;
    std::uint64_t rows = 0;
    Key key;
    load_progress(step, rows, key);
    if (rows > 0) options_.say("going on after " + std::to_string(rows) + " rows");
    if (step < 0) {
      SQLite::Transaction transaction(*fresh_);
      store.copy_recent();
      save_progress(step = 0, rows, key = {});
      transaction.commit();
      options_.done("recent");
    }
    const auto tables = OldStore::tables();
    for (; static_cast<std::size_t>(step) < tables.size(); ++step, key = {}) {
      copy_table(store, tables[static_cast<std::size_t>(step)], step, rows, key);
    }
  }

  void copy_table(OldStore& store, const OldStore::Table& table, std::int64_t step, std::uint64_t& rows, Key& key) {
    if (key.empty()) key = table.begin;
    while (true) {
      SQLite::Transaction transaction(*fresh_);
      const std::size_t copied = store.copy(table, key, options_.rows, options_.bytes);
      rows += copied;
      save_progress(copied == 0 ? step + 1 : step, rows, copied == 0 ? Key{} : key);
      transaction.commit();
      options_.done(table.name);
      if (copied == 0) return;
      options_.say(std::string(table.name) + ": " + std::to_string(rows) + " rows in all");
    }
  }

  void load_progress(std::int64_t& step, std::uint64_t& rows, Key& key) {
    SQLite::Statement progress(*fresh_, "SELECT step, rows, a, b, c FROM migration");
    if (!progress.executeStep()) throw StoreDamage("'" + fresh_path_ + "' does not say how far it is");
    step = progress.getColumn(0).getInt64();
    rows = static_cast<std::uint64_t>(progress.getColumn(1).getInt64());
    for (int column = 2; column < 5 && !progress.getColumn(column).isNull(); ++column) {
      const SQLite::Column part = progress.getColumn(column);
      if (part.isInteger()) {
        key.emplace_back(part.getInt64());
      } else {
        key.emplace_back(
            std::string(static_cast<const char*>(part.getBlob()), static_cast<std::size_t>(part.getBytes())));
      }
    }
  }

  void save_progress(std::int64_t step, std::uint64_t rows, const Key& key) {
    SQLite::Statement save(*fresh_, "UPDATE migration SET step = ?, rows = ?, a = ?, b = ?, c = ?");
    save.bind(1, step);
    save.bind(2, static_cast<std::int64_t>(rows));
    for (std::size_t i = 0; i < key.size(); ++i) {
      const int at = static_cast<int>(i) + 3;
      if (const auto* number = std::get_if<std::int64_t>(&key[i])) {
        save.bind(at, *number);
      } else {
        const std::string& text = std::get<std::string>(key[i]);
        save.bind(at, static_cast<const void*>(text.data()), static_cast<int>(text.size()));
      }
    }
    save.exec();
  }

  // From now on it is a store.
  void finish_copy() {
    OldStore store(*old_, *fresh_);
    if (const auto differ = store.differences(); !differ.empty()) {
      std::string text = "not all of it was copied";
      for (const std::string& each : differ) text += "; " + each;
      throw std::runtime_error(text + ". Remove '" + fresh_path_ + "' and try again.");
    }
    SQLite::Transaction transaction(*fresh_);
    store.copy_store_row();
    fresh_->exec("DROP TABLE migration");
    fresh_->exec("DROP TABLE migrated_large");
    fresh_->exec("PRAGMA user_version = " + std::to_string(kFormat));
    transaction.commit();
    options_.done("copied");
  }

  // ── and its place
  Result<void> verify() {
    options_.say("checking the new file");
    fresh_.reset();
    StoreCheck check(fresh_path_);
    const auto problems = check.run();
    if (!problems) return tl::make_unexpected(problems.error());
    jobs_ = check.jobs();
    if (problems->empty()) return {};
    std::string text = "the new file '" + fresh_path_ + "' is not as it should be:";
    for (const std::string& problem : *problems) text += "\n  " + problem;
    return fail(ErrorCode::system,
                text + "\nThe old store was not changed. Run `zebu-broker check` of its version on it.");
  }

  // The log of the old file must not be there beside the new one.
  Result<void> remove_log(const std::string& path) {
    if (size_of_file(path + "-wal") > 0) return fail(ErrorCode::system, "'" + path + "-wal' is still in use");
    std::error_code error;
    for (const char* end : {"-wal", "-shm"}) fs::remove(path + end, error);
    if (error) return fail(ErrorCode::system, "cannot remove the log of '" + path + "': " + error.message());
    return {};
  }

  Result<void> put_in_place() {
    try {
      old_->exec("PRAGMA wal_checkpoint(TRUNCATE)");
    } catch (const std::exception&) {
      return tl::make_unexpected(explain("move its log into it", path_, old_.get()));
    }
    old_.reset();
    for (const std::string& path : {path_, fresh_path_}) {
      if (const auto removed = remove_log(path); !removed) return removed;
    }
    if (const auto owned = take_owner(); !owned) return owned;
    if (const auto synced = sync_path(fresh_path_); !synced) return synced;
    std::error_code ignored;
    if (!fs::exists(kept_path_, ignored) && link(path_.c_str(), kept_path_.c_str()) != 0) {
      return system_error("give the old store the name", kept_path_);
    }
    if (const auto synced = sync_path(folder_of(path_)); !synced) return synced;
    options_.done("named");
    if (rename(fresh_path_.c_str(), path_.c_str()) != 0) return system_error("put the new file in the place of", path_);
    if (const auto synced = sync_path(folder_of(path_)); !synced) return synced;
    options_.done("placed");
    fs::remove(fresh_path_ + ".lock", ignored);
    return {};
  }

  // The user who may use the old file may use the new one.
  Result<void> take_owner() {
    struct stat old = {};
    struct stat fresh = {};
    if (stat(path_.c_str(), &old) != 0) return system_error("look at", path_);
    if (stat(fresh_path_.c_str(), &fresh) != 0) return system_error("look at", fresh_path_);
    const bool is_same_owner = old.st_uid == fresh.st_uid && old.st_gid == fresh.st_gid;
    if (!is_same_owner && chown(fresh_path_.c_str(), old.st_uid, old.st_gid) != 0) {
      return system_error("give the owner of the old store to", fresh_path_);
    }
    if (chmod(fresh_path_.c_str(), old.st_mode & 07777) != 0) return system_error("set the rights of", fresh_path_);
    return {};
  }

  MigrationOptions options_;
  std::string path_;
  std::string fresh_path_;
  std::string kept_path_;
  std::unique_ptr<SQLite::Database> old_;
  std::unique_ptr<SQLite::Database> fresh_;
  Mark mark_;
  std::uint64_t jobs_ = 0;
};

}  // namespace

Result<std::string> migrate_old_store(const MigrationOptions& options) { return Migration(options).run(); }

}  // namespace zebu::broker
