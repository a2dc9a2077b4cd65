#include "broker/store/sqlite/open_file.h"

#include <sys/stat.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <sqlite3.h>
#include <unistd.h>

namespace zebu::broker {
namespace {

constexpr std::string_view kFolder = "/proc/self/fd/";

struct OpenFile {
  sqlite3_file base;
  int descriptor;
};
static_assert(sizeof(OpenFile) <= kOpenFileBytes);

int descriptor_of(sqlite3_file* file) { return reinterpret_cast<OpenFile*>(file)->descriptor; }

int read_open(sqlite3_file* file, void* to, int amount, sqlite3_int64 offset) {
  auto* next = static_cast<char*>(to);
  while (amount > 0) {
    const ssize_t got = ::pread(descriptor_of(file), next, static_cast<std::size_t>(amount), offset);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return SQLITE_IOERR_READ;
    if (got == 0) break;
    next += got;
    offset += got;
    amount -= static_cast<int>(got);
  }
  if (amount == 0) return SQLITE_OK;
  std::memset(next, 0, static_cast<std::size_t>(amount));
  return SQLITE_IOERR_SHORT_READ;
}

int write_open(sqlite3_file* file, const void* from, int amount, sqlite3_int64 offset) {
  const auto* next = static_cast<const char*>(from);
  while (amount > 0) {
    const ssize_t done = ::pwrite(descriptor_of(file), next, static_cast<std::size_t>(amount), offset);
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return errno == ENOSPC || errno == EDQUOT || errno == EFBIG ? SQLITE_FULL : SQLITE_IOERR_WRITE;
    next += done;
    offset += done;
    amount -= static_cast<int>(done);
  }
  return SQLITE_OK;
}

int size_open(sqlite3_file* file, sqlite3_int64* size) {
  struct stat facts {};
  if (::fstat(descriptor_of(file), &facts) != 0) return SQLITE_IOERR_FSTAT;
  *size = facts.st_size;
  return SQLITE_OK;
}

constexpr auto kNoLock = [](sqlite3_file*, int) { return SQLITE_OK; };

constexpr sqlite3_io_methods kOpenFileMethods = {
    1,
    [](sqlite3_file*) { return SQLITE_OK; },
    read_open,
    write_open,
    [](sqlite3_file* f, sqlite3_int64 size) {
      return ::ftruncate(descriptor_of(f), size) == 0 ? SQLITE_OK : SQLITE_IOERR_TRUNCATE;
    },
    [](sqlite3_file* f, int) { return ::fsync(descriptor_of(f)) == 0 ? SQLITE_OK : SQLITE_IOERR_FSYNC; },
    size_open,
    kNoLock,
    kNoLock,
    [](sqlite3_file*, int* is_held) { return *is_held = 0, SQLITE_OK; },
    [](sqlite3_file*, int, void*) { return SQLITE_NOTFOUND; },
    [](sqlite3_file*) { return 4096; },
    [](sqlite3_file*) { return SQLITE_IOCAP_POWERSAFE_OVERWRITE; },
    nullptr,
    nullptr,
    nullptr,
    nullptr,
    nullptr,
    nullptr,
};

}  // namespace

std::string open_file_path(int descriptor) { return std::string(kFolder) + std::to_string(descriptor); }

bool is_open_file_path(std::string_view path) { return path.starts_with(kFolder); }

void use_open_file(std::string_view path, sqlite3_file* file) {
  auto* open = reinterpret_cast<OpenFile*>(file);
  open->base.pMethods = &kOpenFileMethods;
  open->descriptor = -1;
  path.remove_prefix(kFolder.size());
  std::from_chars(path.data(), path.data() + path.size(), open->descriptor);
}

}  // namespace zebu::broker
