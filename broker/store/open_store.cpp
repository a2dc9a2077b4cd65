#include "broker/store/open_store.h"

#include "broker/store/memory/store.h"
#include "broker/store/sqlite/store.h"

#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <unistd.h>

namespace zebu::broker {
namespace {

constexpr std::string_view kSqlite = "sqlite:";
constexpr std::string_view kMemory = "memory";

std::string from_environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// Jobs' arguments and results are private: only this user may read files that are made while this object lives.
class PrivateFiles {
 public:
  PrivateFiles() : before_(umask(077)) {}
  ~PrivateFiles() { umask(before_); }
  PrivateFiles(const PrivateFiles&) = delete;
  PrivateFiles& operator=(const PrivateFiles&) = delete;

 private:
  mode_t before_;
};

Result<void> make_directory(const std::filesystem::path& directory) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (!error) return {};
  return fail(ErrorCode::system, "cannot make the directory '" + directory.string() + "' for the store: " +
                                     error.message() + ". Name another place with --store sqlite:PATH.");
}

}  // namespace

std::string default_store() {
  if (geteuid() == 0) return "sqlite:/var/lib/zebu/zebu.db";
  std::string state = from_environment("XDG_STATE_HOME");
  if (state.empty()) state = from_environment("HOME") + "/.local/state";
  return std::string(kSqlite) + state + "/zebu/zebu.db";
}

std::optional<std::string> sqlite_path(const std::string& store) {
  if (!store.starts_with(kSqlite) || store.size() == kSqlite.size()) return std::nullopt;
  return store.substr(kSqlite.size());
}

bool is_store(const std::string& store) { return store == kMemory || sqlite_path(store).has_value(); }

Result<std::unique_ptr<Store>> open_store(const std::string& store, std::optional<std::uint64_t> reserve) {
  if (store == kMemory) return std::make_unique<MemoryStore>();
  const auto path = sqlite_path(store);
  if (!path) return fail(ErrorCode::system, "'" + store + "' is neither sqlite:PATH nor memory");
  const PrivateFiles private_files;
  // Elsewhere a missing directory is more likely a mistake, or a volume that is not there.
  if (store == default_store()) {
    if (auto made = make_directory(std::filesystem::path(*path).parent_path()); !made) {
      return tl::make_unexpected(made.error());
    }
  }
  SqliteOptions options;
  options.path = *path;
  options.is_looked_after = true;
  options.reserve = reserve;
  return SqliteStore::open(options);
}

}  // namespace zebu::broker
