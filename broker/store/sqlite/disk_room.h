#pragma once

#include "zebu/thread_annotations.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace zebu::broker {

// Bytes of a volume.
struct VolumeRoom {
  std::uint64_t total = 0;
  std::uint64_t free = 0;  // for this user
  bool is_read_only = false;
};
// Of the file system that has the open file. Unset: it cannot be asked.
[[nodiscard]] std::optional<VolumeRoom> volume_room(int descriptor);

using AskVolume = std::function<std::optional<VolumeRoom>(int descriptor)>;
// Whether errno says that there is no room: on the volume, within a quota, or within the limit of a file's size.
[[nodiscard]] bool is_want_of_room(int error);

// What a store does about a disk that fills up. Two things are kept free for what becomes of the jobs that were
// accepted:
// - a share of the volume, below which new jobs are refused (room_for_jobs()). That is measured, and gives way to other
//   programs, to quotas and to the limit of a file's size, which no measuring shows;
// - a quarter of that share is really allocated, as the file PATH.reserve. A write that finds no room gives it up, and
//   is tried again. It is made anew when there is room.
// If that was not enough, the write waits until there is room, and is tried again: a commit that is under way cannot be
// taken back, since the store's parts have learned of it. So nothing is lost, nothing is acknowledged meanwhile, and
// the broker's loop goes on, as with a slow disk.
//
// The store's thread; trouble() and give_up() may be called by any.
class DiskRoom {
 public:
  // share: the bytes that are kept free; unset: 64 MiB, or an eighth of a smaller volume. The descriptor, of a file on
  // the volume, outlives this. The caller has the store for itself.
  DiskRoom(std::string store_path, int descriptor, std::optional<std::uint64_t> share, AskVolume ask = volume_room);
  ~DiskRoom() = default;  // leaves the file for the next broker
  DiskRoom(const DiskRoom&) = delete;
  DiskRoom& operator=(const DiskRoom&) = delete;

  [[nodiscard]] std::uint64_t share() const { return share_; }
  [[nodiscard]] bool has_file() const { return file_bytes_ > 0; }
  [[nodiscard]] std::optional<VolumeRoom> volume() const { return ask_(descriptor_); }

  // How many bytes of new jobs fit. in_file: bytes that the store's files have free. owed: bytes by which they will
  // grow without any new job. It is 0 from the time at which less than a quarter of the share is left until half
  // of it is, so that there is no to and fro, and jobs are refused only while the store says that it is full.
  [[nodiscard]] std::uint64_t room_for_jobs(std::uint64_t in_file, std::uint64_t owed);
  [[nodiscard]] bool is_full() const { return is_full_; }
  // Whether less than an eighth of the share (at most of the usual one) is left, the file's room included, until there
  // is clearly more.
  [[nodiscard]] bool is_low() const { return is_low_; }

  // A write found no room. True: it is to be tried again. may_wait: also if that has to wait.
  [[nodiscard]] bool make_room(bool may_wait);
  // A write that had found no room went well.
  void made_room();
  // From now on writes may wait: before, a store without room does not start.
  void may_wait_now() { may_wait_ = true; }
  // Waits a moment, as a write does, and has `why` as the trouble. False: it gave up.
  [[nodiscard]] bool wait(const std::string& why);

  // Why nothing goes on; empty: it does.
  [[nodiscard]] std::string trouble() const;
  // Nothing waits any more, and what waits fails.
  void give_up();

 private:
  [[nodiscard]] bool make_file();
  void remove_file();

  std::string path_;
  int descriptor_;
  AskVolume ask_;
  std::uint64_t share_ = 0;
  std::uint64_t low_ = 0;
  std::uint64_t file_bytes_ = 0;  // of the file, if it is there
  bool is_full_ = false;
  bool is_low_ = false;
  bool can_allocate_ = true;
  bool is_repeating_ = false;  // a write that found no room
  bool may_wait_ = false;

  mutable Mutex mutex_;
  std::condition_variable given_up_;
  bool has_given_up_ ZEBU_GUARDED_BY(mutex_) = false;
  std::string trouble_ ZEBU_GUARDED_BY(mutex_);
};

}  // namespace zebu::broker
