#include "broker/store/sqlite/file.h"

#include "broker/store/sqlite/file_layer.h"
#include "broker/store/sqlite/page_checksums.h"
#include "broker/store/sqlite/schema.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <sqlite3.h>
#include <system_error>

namespace zebu::broker {
namespace {

std::string restore(const std::string& path) {
  return "`zebu-broker check --store sqlite:" + path +
         "` says what is readable; else put a backup in its place (with " + path + "-wal, " + path + "-shm and " +
         path + ".lock removed) and start again.";
}

std::string way_out(int code, const std::string& path) {
  switch (code) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_FORMAT:
      return restore(path);
    case SQLITE_FULL:
      return "free space on its file system and start again: nothing that was acknowledged is lost.";
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_CANTOPEN:
      return "this user must be able to write the file and its directory, on a file system that can be written to.";
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return "another program has the file locked: stop it and start again.";
    case SQLITE_NOMEM:
      return "free memory and start again: nothing that was acknowledged is lost.";
    default:
      return "see to the disk (`dmesg` may know more) and start again: nothing that was acknowledged is lost.";
  }
}

// On a small volume the log must not take it all.
int pages_for(const DiskRoom& room, int pages) {
  constexpr std::uint64_t kLogOfVolume = 16;
  constexpr int kFewest = 64;
  const auto volume = room.volume();
  if (!volume) return pages;
  const std::uint64_t fit = volume->total / kLogOfVolume / kPageSize;
  return static_cast<int>(std::clamp<std::uint64_t>(fit, kFewest, static_cast<std::uint64_t>(pages)));
}

std::string other_format(int format, const std::string& path) {
  const bool is_older = format < kFormat;
  const std::string wrote =
      (is_older ? "an older Zebu wrote it (format " : "a newer Zebu wrote it (format ") + std::to_string(format) + ")";
  std::string way_out = "start the newer zebu-broker that wrote it";
  if (is_older) way_out = "finish its jobs with the zebu-broker of that version";
  if (format == kOldFormat) way_out = "run `zebu-broker migrate --store sqlite:" + path + "` once";
  return wrote + ", and this zebu-broker reads format " + std::to_string(kFormat) + ": " + way_out + ", or move " +
         path + ", " + path + "-wal and " + path + ".lock away to begin a new store.";
}

}  // namespace

std::string canonical_path(const std::string& path) {
  std::error_code error;
  const auto canonical = std::filesystem::weakly_canonical(path, error);
  return error ? path : canonical.string();
}

Error explain(const std::string& doing, const std::string& path, SQLite::Database* database) {
  const auto error = [&](const std::string& what) {
    return Error{ErrorCode::system, "store '" + path + "': cannot " + doing + ": " + what, {}};
  };
  const auto damage = [&](const std::string& what) {
    return error("the file is damaged: " + what + "; " + restore(path));
  };
  if (database != nullptr) {
    if (const auto found = damage_found(database->getHandle())) return damage(*found);
  }
  try {
    throw;
  } catch (const SQLite::Exception& e) {
    return error(std::string(e.what()) + "; " + way_out(e.getErrorCode() & 0xff, path));
  } catch (const StoreDamage& e) {
    return damage(e.what());
  } catch (const std::exception& e) {
    return error(e.what());
  }
}

Result<std::unique_ptr<SqliteFile>> SqliteFile::open(const SqliteOptions& options) {
  SqliteOptions resolved = options;
  resolved.path = canonical_path(options.path);
  std::error_code ignored;
  if (std::filesystem::is_directory(resolved.path, ignored)) {
    return fail(ErrorCode::system, "store '" + resolved.path + "' is a directory: name a file in it, such as '" +
                                       resolved.path + "/zebu.db'.");
  }
  auto lock = StoreLock::take(resolved.path);
  if (!lock) return tl::make_unexpected(lock.error());
  std::unique_ptr<SqliteFile> file(new SqliteFile(std::move(resolved), std::move(*lock)));
  try {
    if (options.is_looked_after) {
      file->room_ =
          std::make_unique<DiskRoom>(file->path(), file->lock_.descriptor(), options.reserve, options.ask_volume);
    }
    file->connect();
    file->configure();
    file->compare_mark();
    if (options.is_looked_after) file->look_after();
  } catch (const std::exception&) {
    return tl::make_unexpected(file->explain("open it"));
  }
  return file;
}

// A file that is not ours is not changed.
void SqliteFile::connect() {
  // Statistics that are never read, and cost a lock an allocation. SQLite refuses this once it is in use; that does no
  // harm.
  (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  database_ = std::make_unique<SQLite::Database>(options_.path,
                                                 SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE | SQLite::OPEN_NOMUTEX,
                                                 5000, file_layer(options_.vfs));
  int reserve = kPageReserve;
  sqlite3_file_control(database_->getHandle(), "main", SQLITE_FCNTL_RESERVE_BYTES, &reserve);
  database_->exec("PRAGMA page_size = " + std::to_string(kPageSize));
  const int application = database_->execAndGet("PRAGMA application_id").getInt();
  const bool is_empty = database_->execAndGet("SELECT count(*) FROM sqlite_master").getInt() == 0;
  if (application != kApplicationId && !(application == 0 && is_empty)) {
    throw std::runtime_error("it is a database of another program: name another file with --store.");
  }
  if (is_empty && lock_.mark()) {
    throw StoreDamage("it is empty or missing, but there was a store (to begin a new one instead, remove '" +
                      lock_.path() + "')");
  }
  const PageChecksum checksum = page_checksum(database_->getHandle());
  if (!is_empty && checksum == PageChecksum::none) throw StoreDamage("its pages have no checksums");
  if (const int format = format_of(*database_); !is_empty && format != kFormat) {
    throw std::runtime_error(other_format(format, path()));
  }
  if (checksum != PageChecksum::xxh3) throw StoreDamage("its pages have the checksums of Zebu 0.1");
}

void SqliteFile::configure() {
  if (database_->execAndGet("PRAGMA journal_mode = WAL").getString() != "wal") {
    throw std::runtime_error("its file system cannot hold a write-ahead log with shared memory: use a local one.");
  }
  database_->exec("PRAGMA synchronous = FULL");   // a commit that has returned is on the disk
  database_->exec("PRAGMA secure_delete = OFF");  // Debian's default is to overwrite what is deleted
  database_->exec("PRAGMA cache_size = -" + std::to_string(options_.cache_bytes / 1024));
  if (room_) options_.checkpoint_pages = pages_for(*room_, options_.checkpoint_pages);
  database_->exec("PRAGMA wal_autocheckpoint = " + std::to_string(options_.checkpoint_pages));
  if (format_of(*database_) != kFormat) create_tables(*database_);
}

void SqliteFile::compare_mark() {
  SQLite::Statement store(*database_, "SELECT id, commits FROM store");
  if (!store.executeStep()) throw StoreDamage("it does not say which store it is");
  const SQLite::Column id = store.getColumn(0);
  const auto uuid = Uuid::from_bytes({static_cast<const char*>(id.getBlob()), static_cast<std::size_t>(id.getBytes())});
  if (!uuid) throw StoreDamage("it does not say which store it is");
  mark_ = {*uuid, static_cast<std::uint64_t>(store.getColumn(1).getInt64())};
  const auto remembered = lock_.mark();
  if (remembered && remembered->store != mark_.store) {
    throw StoreDamage("it is another store than the one that was here (if that is meant, remove '" + lock_.path() +
                      "')");
  }
  if (remembered && remembered->commit > mark_.commit) {
    throw StoreDamage("its newest " + std::to_string(remembered->commit - mark_.commit) + " commits are missing: '" +
                      path() + "-wal' was damaged or removed, or this is an older copy (if " +
                      "that is meant, remove '" + lock_.path() + "')");
  }
  if (remembered) written_ = remembered->commit;
  write_mark();
}

void SqliteFile::write_mark() {
  if (written_ == mark_.commit) return;
  if (!lock_.set_mark(mark_)) {
    if (is_want_of_room(errno)) return;  // it may be behind
    throw std::runtime_error("cannot write '" + lock_.path() + "': " + std::generic_category().message(errno));
  }
  written_ = mark_.commit;
}

}  // namespace zebu::broker
