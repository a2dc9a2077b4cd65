#include "broker/store/maintenance.h"

#include "broker/store/open_store.h"
#include "broker/store/sqlite/check.h"
#include "broker/store/sqlite/copy.h"
#include "broker/store/sqlite/file.h"
#include "broker/store/sqlite/file_layer.h"
#include "broker/store/sqlite/migration.h"

#include <sys/stat.h>

#include <cstdio>
#include <filesystem>
#include <unistd.h>

namespace zebu::broker {
namespace {

namespace fs = std::filesystem;

constexpr int kExitFailure = 1;
constexpr int kExitUsage = 2;

Result<void> must_exist(const std::string& path) {
  std::error_code ignored;
  if (fs::is_regular_file(path, ignored)) return {};
  return fail(ErrorCode::system, "there is no store '" + path + "': name it with --store sqlite:PATH.");
}

std::string size_of(const std::string& path) {
  std::error_code ignored;
  const auto bytes = fs::file_size(path, ignored);
  std::string text(32, '\0');
  const int length = std::snprintf(text.data(), text.size(), "%.1f MiB", static_cast<double>(bytes) / (1 << 20));
  text.resize(static_cast<std::size_t>(length));
  return text;
}

Result<void> write_copy(const std::string& path, const std::string& to, bool replace) {
  std::unique_ptr<SQLite::Database> database;
  try {
    database =
        std::make_unique<SQLite::Database>(path, SQLite::OPEN_READWRITE | SQLite::OPEN_NOMUTEX, 5000, file_layer(""));
    if (page_checksum(database->getHandle()) == PageChecksum::none)
      return fail(ErrorCode::system, "'" + path + "' is not a Zebu store");
  } catch (const std::exception&) {
    return tl::make_unexpected(explain("read it for a backup", path, database.get()));
  }
  return copy_database(*database, to, replace);
}

}  // namespace

Result<std::string> check_store(const std::string& path) {
  if (const auto exists = must_exist(path); !exists) return tl::make_unexpected(exists.error());
  const std::string canonical = canonical_path(path);
  if (const auto lock = StoreLock::take(canonical); !lock) return tl::make_unexpected(lock.error());
  StoreCheck check(canonical);
  const auto problems = check.run();
  if (!problems) return tl::make_unexpected(problems.error());
  if (!problems->empty()) {
    std::string text = "the store '" + path + "' is damaged:";
    for (const std::string& problem : *problems) text += "\n  " + problem;
    return fail(ErrorCode::system, text);
  }
  return "the store '" + path + "' is whole: " + std::to_string(check.jobs()) + " jobs, " +
         (check.large_values() > 0 ? std::to_string(check.large_values()) + " large values, " : "") + size_of(path);
}

Result<std::string> back_up_store(const std::string& path, const std::string& to, bool replace) {
  if (const auto exists = must_exist(path); !exists) return tl::make_unexpected(exists.error());
  std::error_code ignored;
  if (!replace && fs::exists(to, ignored)) {
    return fail(ErrorCode::system, "'" + to + "' exists already: name another file, or replace it with --force.");
  }
  if (fs::equivalent(path, to, ignored)) return fail(ErrorCode::system, "'" + to + "' is the store itself.");
  for (const char* companion : {"-wal", "-shm", ".lock", ".reserve"}) {
    const std::string own = canonical_path(path) + companion;
    if (canonical_path(to) == own) return fail(ErrorCode::system, "'" + to + "' is a file of the store itself.");
  }
  if (fs::exists(to, ignored) && !fs::is_regular_file(to, ignored)) {
    return fail(ErrorCode::system, "'" + to + "' is not a regular file: name another one.");
  }
  if (const auto written = write_copy(path, to, replace); !written) return tl::make_unexpected(written.error());
  return "backup of '" + path + "' in '" + to + "': " + size_of(to);
}

Result<std::string> compact_store(const std::string& path) {
  if (const auto exists = must_exist(path); !exists) return tl::make_unexpected(exists.error());
  const std::string before = size_of(path);
  SqliteOptions options;
  options.path = path;
  auto file = SqliteFile::open(options);
  if (!file) return tl::make_unexpected(file.error());
  try {
    (*file)->database().exec("VACUUM");
    (*file)->database().exec("PRAGMA wal_checkpoint(TRUNCATE)");
  } catch (const std::exception&) {
    return tl::make_unexpected((*file)->explain("compact it"));
  }
  file->reset();
  return "the store '" + path + "' has " + size_of(path) + " (before: " + before + ")";
}

int run_maintenance(const MaintenanceOptions& options, const std::string& store) {
  const auto path = sqlite_path(store);
  if (!path) {
    std::fprintf(stderr, "zebu-broker: %s is for --store sqlite:PATH, not for '%s'\n", options.command.c_str(),
                 store.c_str());
    return kExitUsage;
  }
  const auto migrate = [&] {
    MigrationOptions migration;
    migration.path = *path;
    migration.say = [](const std::string& line) {
      std::printf("%s\n", line.c_str());
      std::fflush(stdout);
    };
    return migrate_old_store(migration);
  };
  umask(077);  // only this user may read a backup, as only this user may read the store
  const auto done = options.command == "check"     ? check_store(*path)
                    : options.command == "backup"  ? back_up_store(*path, options.to, options.force)
                    : options.command == "migrate" ? migrate()
                                                   : compact_store(*path);
  if (!done) {
    std::fprintf(stderr, "zebu-broker: %s\n", done.error().message.c_str());
    return kExitFailure;
  }
  std::printf("%s\n", done->c_str());
  return 0;
}

}  // namespace zebu::broker
