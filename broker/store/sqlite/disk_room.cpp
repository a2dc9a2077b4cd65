#include "broker/store/sqlite/disk_room.h"

#include <sys/stat.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <fcntl.h>
#include <limits>
#include <unistd.h>
#include <utility>

namespace zebu::broker {
namespace {

constexpr std::uint64_t kShare = 64U << 20;
constexpr std::uint64_t kOfVolume = 8;  // at most an eighth of it by default
constexpr std::uint64_t kBlock = 4096;
// A store that starts needs some pages for its locks and its index. With less on the volume the file is given up first.
constexpr std::uint64_t kToStart = 1U << 20;
constexpr std::chrono::milliseconds kTryAgain{100};

std::uint64_t bytes_of(const std::string& path) {
  struct stat facts {};
  // A file with holes would be no reserve.
  if (::stat(path.c_str(), &facts) != 0 || !S_ISREG(facts.st_mode)) return 0;
  const auto size = static_cast<std::uint64_t>(facts.st_size);
  return static_cast<std::uint64_t>(facts.st_blocks) * 512 >= size ? size : 0;
}

}  // namespace

bool is_want_of_room(int error) { return error == ENOSPC || error == EDQUOT || error == EFBIG; }

std::optional<VolumeRoom> volume_room(int descriptor) {
  struct statvfs facts {};
  if (::fstatvfs(descriptor, &facts) != 0) return std::nullopt;
  const std::uint64_t block = facts.f_frsize;
  return VolumeRoom{facts.f_blocks * block, facts.f_bavail * block, (facts.f_flag & ST_RDONLY) != 0};
}

DiskRoom::DiskRoom(std::string store_path, int descriptor, std::optional<std::uint64_t> share, AskVolume ask)
    : path_(std::move(store_path) + ".reserve"),
      descriptor_(descriptor),
      ask_(std::move(ask)),
      file_bytes_(bytes_of(path_)) {
  const auto now = volume();
  const std::uint64_t usual = now ? std::min(kShare, now->total / kOfVolume) : kShare;
  share_ = share.value_or(usual);
  low_ = std::min(share_, usual) / 8;
  share_ = std::max(share_ / (4 * kBlock), std::uint64_t{1}) * 4 * kBlock;
  if (!now) return;
  if (file_bytes_ > 0 && now->free < kToStart) remove_file();
  if (file_bytes_ > 0 && file_bytes_ != share_ / 4) remove_file();
  if (file_bytes_ == 0 && now->free >= share_ + kToStart) static_cast<void>(make_file());
}

// False: there is no room for it.
bool DiskRoom::make_file() {
  const int file = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (file < 0) return !is_want_of_room(errno);
  file_bytes_ = share_ / 4;
  const int error = ::fallocate(file, 0, 0, static_cast<off_t>(file_bytes_)) == 0 ? 0 : errno;
  ::close(file);
  if (error == 0) return true;
  remove_file();
  can_allocate_ = is_want_of_room(error);
  return !can_allocate_;  // some file systems cannot do it: they go without
}

void DiskRoom::remove_file() {
  ::unlink(path_.c_str());
  file_bytes_ = 0;
}

std::uint64_t DiskRoom::room_for_jobs(std::uint64_t in_file, std::uint64_t owed) {
  const auto now = volume();
  if (!now) return is_full_ ? 0 : std::numeric_limits<std::uint64_t>::max();
  std::uint64_t all = now->free + in_file + file_bytes_;
  all -= std::min(all, owed);
  // With a quota the volume may look as if it had room: the file shows whether it has.
  const bool has_reserve = has_file() || !can_allocate_ || (all >= share_ / 4 * 3 && make_file());
  is_full_ = all < share_ + (is_full_ ? share_ / 2 : share_ / 4) || (is_full_ && !has_reserve);
  is_low_ = all < low_ + (is_low_ ? low_ / 2 : 0);
  return is_full_ ? 0 : all - share_;
}

bool DiskRoom::make_room(bool may_wait) {
  is_full_ = is_repeating_ = true;
  if (has_file()) return remove_file(), true;
  if (!may_wait || !may_wait_) return false;
  return wait(
      "a commit waits for room on its volume: free space there. Nothing durable is accepted or acknowledged "
      "meanwhile, and nothing that was acknowledged is lost");
}

void DiskRoom::made_room() {
  if (!std::exchange(is_repeating_, false)) return;
  const Lock lock(mutex_);
  trouble_.clear();
}

bool DiskRoom::wait(const std::string& why) {
  Lock lock(mutex_);
  trouble_ = why;
  given_up_.wait_for(lock.native(), kTryAgain, [this]() ZEBU_REQUIRES(mutex_) { return has_given_up_; });
  return !has_given_up_;
}

std::string DiskRoom::trouble() const {
  const Lock lock(mutex_);
  return trouble_;
}

void DiskRoom::give_up() {
  const Lock lock(mutex_);
  has_given_up_ = true;
  given_up_.notify_all();
}

}  // namespace zebu::broker
