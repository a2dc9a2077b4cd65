#include "broker/store/sqlite/copy.h"
#include "broker/store/sqlite/file.h"
#include "broker/store/sqlite/file_layer.h"
#include "broker/store/sqlite/page_checksums.h"

#include <algorithm>
#include <filesystem>
#include <sqlite3.h>
#include <utility>

// What is done for a store's file while it is open: see that there is room, and that it is still there.
namespace zebu::broker {
namespace {

namespace fs = std::filesystem;

// What SQLite has in its log for a page, beside the page.
constexpr std::uint64_t kFrameHeader = 24;
// A short log, in pages: a sixteenth of what is kept free, within these.
constexpr std::uint64_t kShortLeast = 16;
constexpr std::uint64_t kShortMost = 256;
constexpr int kMostRescued = 1000;

std::uint64_t file_bytes(sqlite3* database, int which) {
  sqlite3_file* file = nullptr;
  sqlite3_int64 size = 0;
  if (sqlite3_file_control(database, "main", which, &file) != SQLITE_OK || file == nullptr) return 0;
  if (file->pMethods == nullptr || file->pMethods->xFileSize(file, &size) != SQLITE_OK) return 0;
  return static_cast<std::uint64_t>(size);
}

std::uint64_t answer_to(SQLite::Statement& statement) {
  statement.reset();
  statement.executeStep();
  const auto value = static_cast<std::uint64_t>(statement.getColumn(0).getInt64());
  statement.reset();
  return value;
}

// A name beside the store that nothing has yet.
std::string rescued_name(const std::string& path) {
  std::string name = path + ".rescued";
  std::error_code error;
  for (int i = 2; fs::exists(name, error) && i < kMostRescued; ++i) name = path + ".rescued-" + std::to_string(i);
  return name;
}

}  // namespace

void SqliteFile::look_after() {
  keep_room(database_->getHandle(), room_.get());
  free_pages_.emplace(*database_, "PRAGMA freelist_count");
  all_pages_.emplace(*database_, "PRAGMA page_count");
  whereabouts_.emplace(path(), std::vector<std::string>{path() + "-wal", path() + "-shm", lock_.path()});
}

int SqliteFile::log_pages() const {
  if (!is_log_short_) return options_.checkpoint_pages;
  const std::uint64_t pages = std::clamp(room_->share() / 16 / kPageSize, kShortLeast, kShortMost);
  return std::min(options_.checkpoint_pages, static_cast<int>(pages));
}

void SqliteFile::keep_log_short(bool is_short) {
  if (std::exchange(is_log_short_, is_short) == is_short) return;
  sqlite3_wal_autocheckpoint(database_->getHandle(), log_pages());
}

SqliteFile::Growth SqliteFile::growth() {
  const std::uint64_t file = file_bytes(database_->getHandle(), SQLITE_FCNTL_FILE_POINTER);
  const std::uint64_t log = file_bytes(database_->getHandle(), SQLITE_FCNTL_JOURNAL_POINTER);
  const std::uint64_t pages = answer_to(*all_pages_) * kPageSize;
  const std::uint64_t whole_log = static_cast<std::uint64_t>(log_pages()) * (kPageSize + kFrameHeader);
  Growth growth;
  growth.free_inside = answer_to(*free_pages_) * kPageSize;
  growth.owed = pages - std::min(pages, file) + whole_log - std::min(whole_log, log);
  return growth;
}

Result<void> SqliteFile::look_after_files() {
  const auto dead = [&](const std::string& what) { return fail(ErrorCode::system, "store '" + path() + "': " + what); };
  const auto what_happened = whereabouts_->what_happened();
  if (what_happened) return dead(rescue(*what_happened));
  const auto volume = room_->volume();
  if (volume && volume->is_read_only) {
    return dead(
        "its file system can only be read now (`dmesg` may know why): see that it can be written to, and start again: "
        "nothing that was acknowledged is lost.");
  }
  return {};
}

// The log as well is a file that may be gone, and this process still has it.
bool SqliteFile::move_log_into_file() {
  try {
    SQLite::Statement checkpoint(*database_, "PRAGMA wal_checkpoint(TRUNCATE)");
    return checkpoint.executeStep() && checkpoint.getColumn(0).getInt() == 0;
  } catch (const SQLite::Exception&) {
    return false;
  }
}

// Returns what is to be said. While nothing that was committed is safe, it tries again.
std::string SqliteFile::rescue(const std::string& what_happened) {
  free_pages_.reset();
  all_pages_.reset();
  sqlite3_exec(database_->getHandle(), "ROLLBACK", nullptr, nullptr, nullptr);  // the next commit has begun
  const std::string others = path() + "-wal, " + path() + "-shm and " + lock_.path();
  while (true) {
    const bool is_in_file = move_log_into_file();
    const Whereabouts::Fate fate = whereabouts_->fate();
    const std::string now = whereabouts_->path_now();
    if (is_in_file && fate == Whereabouts::Fate::in_place) {
      return what_happened + " while the broker ran. All that was acknowledged is in '" + path() + "': start again.";
    }
    if (is_in_file && fate == Whereabouts::Fate::elsewhere) {
      return what_happened + " while the broker ran. All that was acknowledged is in it" +
             (now.empty() ? ", where it is now" : ": it is '" + now + "' now") + ". Bring it back as '" + path() +
             "', with " + others + " removed, and start again.";
    }
    const std::string to = rescued_name(path());
    std::error_code ignored;
    fs::create_directory(fs::path(to).parent_path(), ignored);  // if that is gone too
    const auto copied = copy_database(*database_, to, false);
    if (copied) {
      return what_happened + " while the broker ran. A copy with all that was acknowledged is '" + to +
             "': rename it to '" + path() + "', with " + others + " removed, and start again.";
    }
    std::string trouble = what_happened +
                          " while the broker ran, and only this process still has its jobs. It cannot " +
                          "write them to '" + to + "' (" + copied.error().message + "), and goes on trying";
    const std::string open = whereabouts_->path_by_process();
    if (is_in_file && !open.empty()) trouble += ". Or copy " + open + " yourself before you stop it";
    if (!room_->wait(trouble)) {
      return what_happened + " while the broker ran, and it was stopped before a copy could be written to '" + to +
             "': " + copied.error().message + ". Restore a backup.";
    }
  }
}

}  // namespace zebu::broker
