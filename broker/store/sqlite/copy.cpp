#include "broker/store/sqlite/copy.h"

#include "broker/store/sqlite/disk_room.h"
#include "broker/store/sqlite/file.h"
#include "broker/store/sqlite/new_file.h"
#include "broker/store/sqlite/open_file.h"
#include "broker/store/sqlite/page_checksums.h"

#include <cstdio>
#include <sqlite3.h>

namespace zebu::broker {
namespace {

std::string mebibytes(std::uint64_t bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f MiB", static_cast<double>(bytes) / (1 << 20));
  return text;
}

// Without the pages that are free, of which the copy has none.
std::uint64_t bytes_needed(SQLite::Database& database) {
  const auto pages = [&](const char* pragma) {
    return static_cast<std::uint64_t>(database.execAndGet(pragma).getInt64());
  };
  return (pages("PRAGMA page_count") - pages("PRAGMA freelist_count")) * kPageSize;
}

tl::unexpected<Error> no_room(const std::string& to, std::uint64_t needed, std::uint64_t free) {
  return fail(ErrorCode::system, "cannot write '" + to + "': it needs about " + mebibytes(needed) +
                                     ", and its file system has " + mebibytes(free) + " free");
}

}  // namespace

Result<void> copy_database(SQLite::Database& database, const std::string& to, bool replace) {
  auto file = NewFile::create(to);
  if (!file) return tl::make_unexpected(file.error());
  std::uint64_t needed = 0;
  const auto free = [&] {
    const auto volume = volume_room(file->descriptor());
    return volume ? volume->free : needed;
  };
  try {
    needed = bytes_needed(database);
    if (free() < needed) return no_room(to, needed, free());
    SQLite::Statement vacuum(database, "VACUUM INTO ?");
    vacuum.bind(1, open_file_path(file->descriptor()));
    vacuum.exec();
  } catch (const SQLite::Exception& e) {
    if ((e.getErrorCode() & 0xff) == SQLITE_FULL) return no_room(to, needed, free());
    const std::string path = database.getFilename();
    return tl::make_unexpected(explain("write a copy to '" + to + "'", path, &database));
  }
  return file->appear(replace);
}

}  // namespace zebu::broker
