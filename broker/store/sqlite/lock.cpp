#include "broker/store/sqlite/lock.h"

#include <sys/file.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace zebu::broker {
namespace {

constexpr std::size_t kOwnerBytes = 32;

struct Written {
  std::array<std::uint8_t, 16> store{};
  std::uint64_t commit = 0;
  std::uint64_t checksum = 0;
};
static_assert(sizeof(Written) == 32);

// FNV-1a of the bytes before the checksum.
std::uint64_t checksum_of(const Written& written) {
  std::array<unsigned char, sizeof(Written)> bytes;
  std::memcpy(bytes.data(), &written, sizeof written);
  std::uint64_t sum = 0xcbf29ce484222325U;
  for (std::size_t i = 0; i < offsetof(Written, checksum); ++i) sum = (sum ^ bytes[i]) * 0x100000001b3U;
  return sum;
}

std::string owner_in(int descriptor) {
  std::array<char, kOwnerBytes> text{};
  const ssize_t size = pread(descriptor, text.data(), text.size(), 0);
  const std::string owner(text.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
  return owner.starts_with("pid ") ? "process " + owner.substr(4, owner.find_first_of(" \n", 4) - 4)
                                   : "another process";
}

tl::unexpected<Error> refused(const std::string& path, int error) {
  std::string way_out = ".";
  if (error == EACCES || error == EPERM) way_out = ": this user must be able to write there.";
  if (error == EROFS) way_out = ": the store needs a file system that can be written to.";
  if (error == ENOENT) way_out = ": make its directory first, or name another place with --store.";
  if (error == ENOSPC) way_out = ": free space on its file system and start again.";
  return fail(ErrorCode::system, "cannot open '" + path + "': " + std::generic_category().message(error) + way_out);
}

}  // namespace

Result<StoreLock> StoreLock::take(const std::string& store_path) {
  const std::string path = store_path + ".lock";
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor < 0) return refused(path, errno);
  StoreLock lock(descriptor, path);
  if (flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return refused(path, errno);
    return fail(ErrorCode::system, "the store '" + store_path + "' is in use by " + owner_in(descriptor) +
                                       " (it holds '" + path + "'): stop that one first, or use another store.");
  }
  std::string owner = "pid " + std::to_string(getpid());
  owner.resize(kOwnerBytes - 1, ' ');
  owner += '\n';
  if (pwrite(descriptor, owner.data(), owner.size(), 0) != static_cast<ssize_t>(owner.size())) {
    return refused(path, errno);
  }
  return lock;
}

StoreLock::StoreLock(StoreLock&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), path_(std::move(other.path_)) {}

StoreLock& StoreLock::operator=(StoreLock&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(path_, other.path_);
  return *this;
}

StoreLock::~StoreLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

std::optional<CommitMark> StoreLock::mark() const {
  Written written;
  if (pread(descriptor_, &written, sizeof written, kOwnerBytes) != sizeof written) return std::nullopt;
  if (written.checksum != checksum_of(written)) return std::nullopt;
  return CommitMark{Uuid{written.store}, written.commit};
}

bool StoreLock::set_mark(const CommitMark& mark) {
  Written written{mark.store.bytes, mark.commit, 0};
  written.checksum = checksum_of(written);
  return pwrite(descriptor_, &written, sizeof written, kOwnerBytes) == sizeof written;
}

}  // namespace zebu::broker
