#include "tests/support/faulty_disk.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <memory>
#include <sqlite3.h>
#include <stdexcept>

namespace zebu::test {
namespace {

using Operation = FaultyDisk::Operation;
constexpr std::size_t kSector = 512;

// Shared memory of write-ahead logs; a reboot clears it.
std::map<std::string, std::vector<std::unique_ptr<char[]>>> shared_memory;

struct OpenFile {
  sqlite3_file base;
  std::string* path;
};

OpenFile& opened(sqlite3_file* file) { return *reinterpret_cast<OpenFile*>(file); }
FaultyDisk::File& file_of(sqlite3_file* file) { return FaultyDisk::instance().files()[*opened(file).path]; }
int run(sqlite3_file* file, Operation operation) { return FaultyDisk::instance().run(operation, *opened(file).path); }

void apply_change(std::string& content, const FaultyDisk::Change& change) {
  if (change.is_truncation) return content.resize(std::min<std::size_t>(content.size(), change.offset));
  if (content.size() < change.offset + change.bytes.size()) content.resize(change.offset + change.bytes.size());
  content.replace(change.offset, change.bytes.size(), change.bytes);
}

void apply_torn(std::string& content, const FaultyDisk::Change& change, std::mt19937_64& random) {
  for (std::size_t at = 0; at < change.bytes.size(); at += kSector) {
    if (random() % 2 == 0) apply_change(content, {change.offset + at, change.bytes.substr(at, kSector), false});
  }
}

int change_file(sqlite3_file* file, Operation operation, FaultyDisk::Change change) {
  file_of(file).unsynced.push_back(std::move(change));
  if (const int rc = run(file, operation); rc != SQLITE_OK) {
    file_of(file).unsynced.pop_back();
    return rc;
  }
  apply_change(file_of(file).content, file_of(file).unsynced.back());
  return SQLITE_OK;
}

int close(sqlite3_file* file) {
  delete opened(file).path;
  return SQLITE_OK;
}

int read(sqlite3_file* file, void* to, int amount, sqlite3_int64 offset) {
  if (const int rc = run(file, Operation::read); rc != SQLITE_OK) return rc;
  const std::string& content = file_of(file).content;
  const auto from = std::min<std::size_t>(static_cast<std::size_t>(offset), content.size());
  const std::size_t size = std::min<std::size_t>(static_cast<std::size_t>(amount), content.size() - from);
  std::memcpy(to, content.data() + from, size);
  std::memset(static_cast<char*>(to) + size, 0, static_cast<std::size_t>(amount) - size);
  return size == static_cast<std::size_t>(amount) ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

int write(sqlite3_file* file, const void* from, int amount, sqlite3_int64 offset) {
  return change_file(file, Operation::write,
                     {static_cast<std::uint64_t>(offset),
                      std::string(static_cast<const char*>(from), static_cast<std::size_t>(amount)), false});
}

int truncate(sqlite3_file* file, sqlite3_int64 size) {
  return change_file(file, Operation::truncate, {static_cast<std::uint64_t>(size), {}, true});
}

int sync(sqlite3_file* file, int) {
  if (const int rc = run(file, Operation::sync); rc != SQLITE_OK) return rc;
  FaultyDisk::File& state = file_of(file);
  state.synced = state.content;
  state.unsynced.clear();
  state.is_there_after_cut = true;
  return SQLITE_OK;
}

int file_size(sqlite3_file* file, sqlite3_int64* size) {
  *size = static_cast<sqlite3_int64>(file_of(file).content.size());
  return SQLITE_OK;
}

int map_shared(sqlite3_file* file, int region, int size, int, void volatile** to) {
  auto& regions = shared_memory[*opened(file).path];
  while (regions.size() <= static_cast<std::size_t>(region)) {
    regions.push_back(std::make_unique<char[]>(static_cast<std::size_t>(size)));
  }
  *to = regions[static_cast<std::size_t>(region)].get();
  return SQLITE_OK;
}

int unmap_shared(sqlite3_file* file, int) {
  shared_memory.erase(*opened(file).path);
  return SQLITE_OK;
}

int not_held(sqlite3_file*, int* is_held) {
  *is_held = 0;
  return SQLITE_OK;
}

constexpr auto kLocked = [](sqlite3_file*, int) { return SQLITE_OK; };

constexpr sqlite3_io_methods kMethods = {
    2,
    close,
    read,
    write,
    truncate,
    sync,
    file_size,
    kLocked,
    kLocked,
    not_held,
    [](sqlite3_file*, int, void*) { return SQLITE_NOTFOUND; },
    [](sqlite3_file*) { return 4096; },
    [](sqlite3_file*) { return SQLITE_IOCAP_POWERSAFE_OVERWRITE; },  // as the system's own layer says
    map_shared,
    [](sqlite3_file*, int, int, int) { return SQLITE_OK; },
    [](sqlite3_file*) {},
    unmap_shared,
    nullptr,
    nullptr,
};

int open(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out_flags) {
  static int temporary = 0;
  opened(file).path = new std::string(name != nullptr ? name : "temporary " + std::to_string(++temporary));
  file->pMethods = &kMethods;
  FaultyDisk::instance().files().try_emplace(*opened(file).path);
  if (out_flags != nullptr) *out_flags = flags;
  return SQLITE_OK;
}

int remove(sqlite3_vfs*, const char* name, int) {
  if (const int rc = FaultyDisk::instance().run(Operation::remove, name); rc != SQLITE_OK) return rc;
  return FaultyDisk::instance().files().erase(name) == 0 ? SQLITE_IOERR_DELETE_NOENT : SQLITE_OK;
}

int access(sqlite3_vfs*, const char* name, int, int* is_there) {
  const auto found = FaultyDisk::instance().files().find(name);
  *is_there = found != FaultyDisk::instance().files().end() && !found->second.content.empty();
  return SQLITE_OK;
}

int full_path(sqlite3_vfs*, const char* name, int size, char* to) {
  sqlite3_snprintf(size, to, "%s", name);
  return SQLITE_OK;
}

int current_time(sqlite3_vfs*, sqlite3_int64* to) {
  *to = 210'866'760'000'000 +
        std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
            .count();
  return SQLITE_OK;
}

}  // namespace

FaultyDisk& FaultyDisk::instance() {
  static FaultyDisk disk;
  return disk;
}

FaultyDisk::FaultyDisk() {
  static sqlite3_vfs vfs = *sqlite3_vfs_find(nullptr);  // names, time and random numbers are the system's
  vfs.iVersion = 2;
  vfs.szOsFile = sizeof(OpenFile);
  vfs.pNext = nullptr;
  vfs.zName = "faulty";
  vfs.xOpen = open;
  vfs.xDelete = remove;
  vfs.xAccess = access;
  vfs.xFullPathname = full_path;
  vfs.xCurrentTimeInt64 = current_time;
  if (sqlite3_vfs_register(&vfs, 0) != SQLITE_OK) throw std::runtime_error("cannot register the faulty disk");
}

FaultyDisk::Files FaultyDisk::after_cut(Cut cut, std::mt19937_64& random) const {
  Files files;
  for (const auto& [path, file] : files_) {
    if (!file.is_there_after_cut && (cut == Cut::nothing || (cut != Cut::everything && random() % 2 == 0))) continue;
    std::string content = file.synced;
    const std::size_t prefix = cut == Cut::prefix ? random() % (file.unsynced.size() + 1) : file.unsynced.size();
    for (std::size_t i = 0; i < prefix; ++i) {
      const Change& one = file.unsynced[i];
      if (cut == Cut::nothing || (cut == Cut::subset && random() % 2 == 0)) continue;
      if (cut == Cut::torn && !one.is_truncation) {
        apply_torn(content, one, random);
      } else {
        apply_change(content, one);
      }
    }
    files[path] = {content, content, true, {}};
  }
  return files;
}

}  // namespace zebu::test
