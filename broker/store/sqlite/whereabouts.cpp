#include "broker/store/sqlite/whereabouts.h"

#include <sys/stat.h>

#include <charconv>
#include <filesystem>
#include <unistd.h>

namespace zebu::broker {

namespace fs = std::filesystem;

Whereabouts::Whereabouts(std::string path, const std::vector<std::string>& others) {
  auto own = know(path);
  if (!own) return;  // a test's disk, where there is nothing to see
  files_.push_back(std::move(*own));
  for (const std::string& other : others) {
    if (auto known = know(other)) files_.push_back(std::move(*known));
  }
}

std::optional<Whereabouts::Known> Whereabouts::know(const std::string& path) {
  struct stat facts {};
  if (::stat(path.c_str(), &facts) != 0) return std::nullopt;
  return Known{path, facts.st_dev, facts.st_ino};
}

bool Whereabouts::is_there(const Known& file) {
  const auto now = know(file.path);
  return now && now->device == file.device && now->inode == file.inode;
}

std::optional<std::string> Whereabouts::what_happened() const {
  for (const Known& file : files_) {
    if (is_there(file)) continue;
    const bool is_own = &file == &files_.front();
    const std::string name = (is_own ? "its file '" : "'") + file.path + "'";
    if (know(file.path)) return name + " is another file now";
    const std::string folder = fs::path(file.path).parent_path().string();
    std::error_code ignored;
    if (!fs::is_directory(folder, ignored)) return "its folder '" + folder + "' is gone";
    const bool is_elsewhere = is_own && fate() == Fate::elsewhere;
    return name + (is_elsewhere ? " was moved away or hidden" : is_own ? " was deleted" : " is gone");
  }
  return std::nullopt;
}

// The process has it open, but only SQLite knows the descriptor. To open the file once more and to close that would let
// go of SQLite's locks on it.
std::optional<int> Whereabouts::descriptor() const {
  if (files_.empty()) return std::nullopt;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/proc/self/fd", error)) {
    const std::string name = entry.path().filename().string();
    int number = -1;
    if (std::from_chars(name.data(), name.data() + name.size(), number).ec != std::errc()) continue;
    struct stat facts {};
    if (::fstat(number, &facts) != 0) continue;
    if (facts.st_dev == files_.front().device && facts.st_ino == files_.front().inode) return number;
  }
  return std::nullopt;
}

Whereabouts::Fate Whereabouts::fate() const {
  if (!files_.empty() && is_there(files_.front())) return Fate::in_place;
  const auto number = descriptor();
  struct stat facts {};
  const bool is_linked = number && ::fstat(*number, &facts) == 0 && facts.st_nlink > 0;
  return is_linked ? Fate::elsewhere : Fate::deleted;
}

std::string Whereabouts::path_now() const {
  if (files_.empty()) return {};
  if (is_there(files_.front())) return files_.front().path;
  const auto number = descriptor();
  if (!number) return {};
  std::error_code error;
  Known now = files_.front();
  now.path = fs::read_symlink("/proc/self/fd/" + std::to_string(*number), error).string();
  return !error && is_there(now) ? now.path : std::string();
}

std::string Whereabouts::path_by_process() const {
  const auto number = descriptor();
  return number ? "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(*number) : std::string();
}

}  // namespace zebu::broker
