#include "broker/store/sqlite/file_layer.h"

#include "broker/store/sqlite/disk_room.h"
#include "broker/store/sqlite/open_file.h"
#include "broker/store/sqlite/page_checksums.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <list>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <sqlite3.h>
#include <stdexcept>
#include <utility>

namespace zebu::broker {
namespace {

constexpr int kFileState = 0x5a656275;  // a file control of ours
// The most that SQLite's own layers take at once.
constexpr std::size_t kMostGathered = 0x1ffff;
static_assert(kPageSize <= kMostGathered);

// Writes that follow each other, on their way into a file.
struct Gathered {
  std::string bytes;
  sqlite3_int64 offset = 0;

  [[nodiscard]] sqlite3_int64 end() const { return offset + static_cast<sqlite3_int64>(bytes.size()); }
};

struct FileState {
  PageChecksum checksum = PageChecksum::none;
  Gathered gathered;
  std::optional<std::string> damage;  // the first that was found
  DiskRoom* room = nullptr;           // asked when a write finds none
  bool is_log = false;
};

// An open file. SQLite allocates it, with room for the file of the layer below behind it.
struct LayerFile {
  sqlite3_file base;
  FileState* state;
};

struct Layer {
  std::string name;
  sqlite3_vfs vfs;
};

LayerFile& layer_file(sqlite3_file* file) { return *reinterpret_cast<LayerFile*>(file); }
FileState& of(sqlite3_file* file) { return *layer_file(file).state; }
sqlite3_file* below(sqlite3_file* file) { return reinterpret_cast<sqlite3_file*>(&layer_file(file) + 1); }
sqlite3_vfs* below(sqlite3_vfs* vfs) { return static_cast<sqlite3_vfs*>(vfs->pAppData); }

// ── reading and writing ─────────────────────────────────────────────────────────────────────────────────────────────

bool is_page(int amount, sqlite3_int64 offset) { return amount == kPageSize && offset % kPageSize == 0; }

void look_at_header(sqlite3_file* file, const void* bytes, int amount, sqlite3_int64 offset) {
  const auto* header = static_cast<const char*>(bytes);
  if (offset == 0 && amount >= kHeaderBytes && is_header(header)) of(file).checksum = promised_checksum(header);
}

// SQLite takes a quota, and the limit of a file's size, for a broken disk.
bool is_full(sqlite3_file* file, int rc) {
  if (rc != SQLITE_IOERR_WRITE) return rc == SQLITE_FULL;
  int error = 0;
  const auto ask = below(file)->pMethods->xFileControl;
  return ask(below(file), SQLITE_FCNTL_LAST_ERRNO, &error) == SQLITE_OK && is_want_of_room(error);
}

// Repeats what found no room, as often as DiskRoom says. A checkpoint does not wait: it can be left for later, and the
// commit that it comes with is done.
template <class Write>
int with_room(sqlite3_file* file, Write&& write_once) {
  DiskRoom* room = of(file).room;
  for (bool is_again = false;; is_again = true) {
    const int rc = write_once();
    if (!is_full(file, rc)) {
      if (is_again) room->made_room();
      return rc;
    }
    if (room == nullptr || !room->make_room(of(file).is_log)) return SQLITE_FULL;
  }
}

int write_below(sqlite3_file* file, const void* from, int amount, sqlite3_int64 offset) {
  return with_room(file, [&] { return below(file)->pMethods->xWrite(below(file), from, amount, offset); });
}

// Bytes that could not be written are lost, as they would be with a write of their own.
int flush(sqlite3_file* file) {
  Gathered& gathered = of(file).gathered;
  if (gathered.bytes.empty()) return SQLITE_OK;
  const int rc = write_below(file, gathered.bytes.data(), static_cast<int>(gathered.bytes.size()), gathered.offset);
  gathered.bytes.clear();
  return rc;
}

// The finding is kept here: what SQLite makes of the code differs between its versions.
int damaged(sqlite3_file* file, sqlite3_int64 offset, const char* how) noexcept {
  try {
    if (!of(file).damage) of(file).damage = "page " + std::to_string(offset / kPageSize + 1) + how;
  } catch (const std::bad_alloc&) {  // no exception may pass through SQLite
    return SQLITE_NOMEM;
  }
  return SQLITE_IOERR_DATA;
}

int read_page(sqlite3_file* file, void* to, sqlite3_int64 offset) {
  const int rc = below(file)->pMethods->xRead(below(file), to, kPageSize, offset);
  if (rc == SQLITE_IOERR_SHORT_READ && offset > 0) return damaged(file, offset, " is missing");
  if (rc != SQLITE_OK) return rc;
  look_at_header(file, to, kPageSize, offset);
  if (is_whole_page(of(file).checksum, static_cast<const char*>(to), offset)) return SQLITE_OK;
  return damaged(file, offset, " has a wrong checksum");
}

// Newer versions of SQLite read a large value's overflow pages without their last bytes, past the page cache
// (SQLITE_DIRECT_OVERFLOW_READ). The checksum wants all of the page.
int read_part_of_page(sqlite3_file* file, void* to, int amount, sqlite3_int64 offset) {
  const sqlite3_int64 skipped = offset % kPageSize;
  std::array<char, kPageSize> page;
  if (const int rc = read_page(file, page.data(), offset - skipped); rc != SQLITE_OK) return rc;
  std::memcpy(to, page.data() + skipped, static_cast<std::size_t>(amount));
  return SQLITE_OK;
}

int read(sqlite3_file* file, void* to, int amount, sqlite3_int64 offset) {
  if (const int rc = flush(file); rc != SQLITE_OK) return rc;
  if (of(file).checksum != PageChecksum::none) {
    if (is_page(amount, offset)) return read_page(file, to, offset);
    // Not of the first page: its header is read before it is known what the file is.
    if (offset >= kPageSize && offset % kPageSize + amount <= kPageSize) {
      return read_part_of_page(file, to, amount, offset);
    }
  }
  const int rc = below(file)->pMethods->xRead(below(file), to, amount, offset);
  if (rc != SQLITE_OK) return rc;
  look_at_header(file, to, amount, offset);
  if (!is_page(amount, offset) || is_whole_page(of(file).checksum, static_cast<const char*>(to), offset)) return rc;
  return damaged(file, offset, " has a wrong checksum");
}

int write(sqlite3_file* file, const void* from, int amount, sqlite3_int64 offset) {
  look_at_header(file, from, amount, offset);
  Gathered& gathered = of(file).gathered;
  const auto size = static_cast<std::size_t>(amount);
  if (offset != gathered.end() || gathered.bytes.size() + size > kMostGathered) {
    if (const int rc = flush(file); rc != SQLITE_OK) return rc;
  }
  // Larger than any page, so not a page.
  if (size > kMostGathered) return write_below(file, from, amount, offset);
  if (gathered.bytes.empty()) gathered.offset = offset;
  gathered.bytes.append(static_cast<const char*>(from), size);
  if (of(file).checksum != PageChecksum::none && is_page(amount, offset)) {
    add_checksum(of(file).checksum, gathered.bytes.data() + gathered.bytes.size() - size, offset);
  }
  return SQLITE_OK;
}

int close(sqlite3_file* file) {
  const int flushed = flush(file);
  delete std::exchange(layer_file(file).state, nullptr);
  const int rc = below(file)->pMethods->xClose(below(file));
  return rc == SQLITE_OK ? flushed : rc;
}

// Passes a method on to the layer below.
template <auto Method, class... Args>
int pass(sqlite3_file* file, Args... args) {
  return (below(file)->pMethods->*Method)(below(file), args...);
}

// The same, after the gathered bytes are written.
template <auto Method, class... Args>
int pass_after(sqlite3_file* file, Args... args) {
  const int rc = flush(file);
  return rc == SQLITE_OK ? pass<Method>(file, args...) : rc;
}

// Memory-mapped pages would get around read().
int fetch(sqlite3_file*, sqlite3_int64, int, void** to) {
  *to = nullptr;
  return SQLITE_OK;
}

// The index of the log grows with it.
int map_index(sqlite3_file* file, int region, int size, int extend, void volatile** to) {
  int rc = pass<&sqlite3_io_methods::xShmMap>(file, region, size, extend, to);
  if (rc == SQLITE_IOERR_SHMSIZE && of(file).room != nullptr && of(file).room->make_room(false)) {
    rc = pass<&sqlite3_io_methods::xShmMap>(file, region, size, extend, to);
  }
  return rc;
}

int characteristics(sqlite3_file* file) {
  int all = below(file)->pMethods->xDeviceCharacteristics(below(file));
#ifdef SQLITE_IOCAP_SUBPAGE_READ
  all &= ~SQLITE_IOCAP_SUBPAGE_READ;
#endif
  return all;
}

int control(sqlite3_file* file, int what, void* argument) {
  if (what != kFileState) return below(file)->pMethods->xFileControl(below(file), what, argument);
  *static_cast<FileState**>(argument) = &of(file);
  return SQLITE_OK;
}

// The lock is released even if the gathered bytes cannot be written.
template <auto Method, class... Args>
int unlock(sqlite3_file* file, Args... args) {
  const int flushed = flush(file);
  const int rc = pass<Method>(file, args...);
  return rc == SQLITE_OK ? flushed : rc;
}

constexpr sqlite3_io_methods kMethods = {
    3,
    close,
    read,
    write,
    [](sqlite3_file* f, sqlite3_int64 size) { return pass_after<&sqlite3_io_methods::xTruncate>(f, size); },
    [](sqlite3_file* f, int flags) { return pass_after<&sqlite3_io_methods::xSync>(f, flags); },
    [](sqlite3_file* f, sqlite3_int64* size) { return pass_after<&sqlite3_io_methods::xFileSize>(f, size); },
    [](sqlite3_file* f, int lock) { return pass<&sqlite3_io_methods::xLock>(f, lock); },
    [](sqlite3_file* f, int lock) { return unlock<&sqlite3_io_methods::xUnlock>(f, lock); },
    [](sqlite3_file* f, int* is_held) { return pass<&sqlite3_io_methods::xCheckReservedLock>(f, is_held); },
    control,
    [](sqlite3_file* f) { return pass<&sqlite3_io_methods::xSectorSize>(f); },
    characteristics,
    map_index,
    [](sqlite3_file* f, int from, int n, int flags) {
      return unlock<&sqlite3_io_methods::xShmLock>(f, from, n, flags);
    },
    [](sqlite3_file* f) { below(f)->pMethods->xShmBarrier(below(f)); },
    [](sqlite3_file* f, int is_last) { return pass<&sqlite3_io_methods::xShmUnmap>(f, is_last); },
    fetch,
    [](sqlite3_file*, sqlite3_int64, void*) { return SQLITE_OK; },
};

// A file without a name cannot have a journal beside it. One for a file that is written for the first time holds
// nothing, and goes with it.
int open_nameless_journal(sqlite3_vfs* vfs, sqlite3_file* file, int flags, int* out_flags) {
  constexpr int kKinds = SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_TEMP_JOURNAL;
  flags = (flags & ~kKinds) | SQLITE_OPEN_TEMP_JOURNAL | SQLITE_OPEN_DELETEONCLOSE | SQLITE_OPEN_EXCLUSIVE;
  return below(vfs)->xOpen(below(vfs), nullptr, file, flags, out_flags);
}

int open_below(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* out_flags) {
  if (name == nullptr || !is_open_file_path(name)) return below(vfs)->xOpen(below(vfs), name, file, flags, out_flags);
  use_open_file(name, file);
  if (out_flags != nullptr) *out_flags = flags;
  return SQLITE_OK;
}

int open(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* out_flags) {
  if ((flags & SQLITE_OPEN_MAIN_JOURNAL) != 0 && name != nullptr && is_open_file_path(name)) {
    return open_nameless_journal(vfs, file, flags, out_flags);
  }
  if ((flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL)) == 0) {
    return below(vfs)->xOpen(below(vfs), name, file, flags, out_flags);
  }
  file->pMethods = nullptr;
  below(file)->pMethods = nullptr;
  const int rc = open_below(vfs, name, below(file), flags, out_flags);
  // A file that the layer below could not open may still have to be closed by it.
  if (below(file)->pMethods == nullptr) return rc;
  try {
    auto state = std::make_unique<FileState>();
    state->gathered.bytes.reserve(kMostGathered);
    layer_file(file).state = state.release();
  } catch (const std::bad_alloc&) {  // no exception may pass through SQLite
    below(file)->pMethods->xClose(below(file));
    return SQLITE_NOMEM;
  }
  file->pMethods = &kMethods;
  of(file).is_log = (flags & SQLITE_OPEN_WAL) != 0;
  // Of a new database; another one's header is read before all else.
  if ((flags & SQLITE_OPEN_MAIN_DB) != 0) of(file).checksum = PageChecksum::xxh3;
  return rc;
}

// All that has to do with names, time and libraries is the layer below's own business.
sqlite3_vfs above(sqlite3_vfs* lower, const char* name) {
  sqlite3_vfs vfs{};
  vfs.iVersion = 2;
  vfs.szOsFile = std::max(lower->szOsFile, kOpenFileBytes) + static_cast<int>(sizeof(LayerFile));
  vfs.mxPathname = lower->mxPathname;
  vfs.zName = name;
  vfs.pAppData = lower;
  vfs.xOpen = open;
  vfs.xDelete = [](sqlite3_vfs* v, const char* path, int sync) {
    return is_open_file_path(path) ? SQLITE_OK : below(v)->xDelete(below(v), path, sync);
  };
  vfs.xAccess = [](sqlite3_vfs* v, const char* path, int flags, int* out) {
    return below(v)->xAccess(below(v), path, flags, out);
  };
  vfs.xFullPathname = [](sqlite3_vfs* v, const char* path, int size, char* to) {
    if (is_open_file_path(path)) return sqlite3_snprintf(size, to, "%s", path), SQLITE_OK;
    return below(v)->xFullPathname(below(v), path, size, to);
  };
  vfs.xDlOpen = [](sqlite3_vfs* v, const char* path) { return below(v)->xDlOpen(below(v), path); };
  vfs.xDlError = [](sqlite3_vfs* v, int size, char* to) { below(v)->xDlError(below(v), size, to); };
  vfs.xDlSym = [](sqlite3_vfs* v, void* library, const char* symbol) {
    return below(v)->xDlSym(below(v), library, symbol);
  };
  vfs.xDlClose = [](sqlite3_vfs* v, void* library) { below(v)->xDlClose(below(v), library); };
  vfs.xRandomness = [](sqlite3_vfs* v, int size, char* to) { return below(v)->xRandomness(below(v), size, to); };
  vfs.xSleep = [](sqlite3_vfs* v, int us) { return below(v)->xSleep(below(v), us); };
  vfs.xCurrentTime = [](sqlite3_vfs* v, double* to) { return below(v)->xCurrentTime(below(v), to); };
  vfs.xGetLastError = [](sqlite3_vfs* v, int size, char* to) { return below(v)->xGetLastError(below(v), size, to); };
  vfs.xCurrentTimeInt64 = [](sqlite3_vfs* v, sqlite3_int64* to) { return below(v)->xCurrentTimeInt64(below(v), to); };
  return vfs;
}

// Null: the database was not opened with this layer.
FileState* state_of(sqlite3* database) {
  FileState* state = nullptr;
  return sqlite3_file_control(database, "main", kFileState, &state) == SQLITE_OK ? state : nullptr;
}

}  // namespace

std::string file_layer(const std::string& below) {
  static std::mutex mutex;
  static std::list<Layer> layers;  // SQLite holds pointers to them
  const std::lock_guard lock(mutex);
  sqlite3_vfs* lower = sqlite3_vfs_find(below.empty() ? nullptr : below.c_str());
  if (lower == nullptr) throw std::runtime_error("SQLite has no file layer '" + below + "'");
  const std::string name = "zebu-" + std::string(lower->zName);
  for (const Layer& layer : layers) {
    if (layer.name == name) return name;
  }
  Layer& layer = layers.emplace_back();
  layer.name = name;
  layer.vfs = above(lower, layer.name.c_str());
  if (sqlite3_vfs_register(&layer.vfs, 0) != SQLITE_OK) throw std::bad_alloc();
  return name;
}

PageChecksum page_checksum(sqlite3* database) {
  const FileState* state = state_of(database);
  return state == nullptr ? PageChecksum::none : state->checksum;
}

void keep_room(sqlite3* database, DiskRoom* room) {
  if (FileState* state = state_of(database)) state->room = room;
  sqlite3_file* log = nullptr;
  if (sqlite3_file_control(database, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log) != SQLITE_OK) return;
  if (log != nullptr && log->pMethods == &kMethods) of(log).room = room;
}

std::optional<std::string> damage_found(sqlite3* database) {
  const FileState* state = state_of(database);
  return state == nullptr ? std::nullopt : state->damage;
}

}  // namespace zebu::broker
