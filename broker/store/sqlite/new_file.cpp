#include "broker/store/sqlite/new_file.h"

#include "broker/store/sqlite/system_files.h"

#include <sys/file.h>

#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <filesystem>
#include <unistd.h>
#include <utility>

namespace zebu::broker {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPartial = ".zebu-partial";

std::string folder_with(const std::string& name) {
  const std::string folder = fs::path(name).parent_path().string();
  return folder.empty() ? "." : folder;
}

// Those that a killed process left. One that is being written is locked.
void remove_stale(const std::string& folder) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const std::string path = entry.path().string();
    if (!path.ends_with(kPartial) || !entry.is_regular_file(error)) continue;
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (descriptor < 0) continue;
    if (::flock(descriptor, LOCK_EX | LOCK_NB) == 0) ::unlink(path.c_str());
    ::close(descriptor);
  }
}

}  // namespace

std::string NewFile::partial() const { return name_ + std::string(kPartial); }

Result<NewFile> NewFile::create(const std::string& name, Kind kind) {
  const std::string folder = folder_with(name);
  remove_stale(folder);
  if (kind == Kind::without_name) {
    const int descriptor = ::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (descriptor >= 0) return NewFile(name, descriptor, false);
    // Of a file system or a kernel that cannot do it.
    if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL) return system_error("make a file in", folder);
  }
  NewFile file(name, -1, true);
  file.descriptor_ = ::open(file.partial().c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (file.descriptor_ < 0) {
    file.has_partial_ = false;
    return system_error("make", file.partial());
  }
  ::flock(file.descriptor_, LOCK_EX | LOCK_NB);
  return file;
}

NewFile::NewFile(NewFile&& other) noexcept
    : name_(std::move(other.name_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      has_partial_(std::exchange(other.has_partial_, false)) {}

NewFile::~NewFile() {
  if (has_partial_) ::unlink(partial().c_str());
  if (descriptor_ >= 0) ::close(descriptor_);
}

Result<void> NewFile::appear(bool replace) {
  if (::fsync(descriptor_) != 0) return system_error("sync", name_);
  const std::string open = "/proc/self/fd/" + std::to_string(descriptor_);
  const auto link_as = [&](const std::string& name) {
    return ::linkat(AT_FDCWD, open.c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW) == 0;
  };
  // Only rename() replaces a file, and only link() does not.
  if (!has_partial_ && replace) {
    if (!link_as(partial())) return system_error("write", partial());
    has_partial_ = true;
  }
  if (replace ? std::rename(partial().c_str(), name_.c_str()) != 0 : !link_as(name_))
    return system_error("write", name_);
  if (replace) has_partial_ = false;
  return sync_path(folder_with(name_));
}

}  // namespace zebu::broker
