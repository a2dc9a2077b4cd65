#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace zebu::test {

// A disk in memory behind a file layer of SQLite ("faulty"). It keeps apart what was written and what was synced, calls
// a hook before it does anything, and says what a power cut would leave. There is one in a process; one connection at a
// time may use a file.
class FaultyDisk {
 public:
  enum class Operation { read, write, truncate, sync, remove };

  // What is written to a file and not synced: bytes at an offset, or, without bytes, a new size.
  struct Change {
    std::uint64_t offset = 0;
    std::string bytes;
    bool is_truncation = false;
  };
  struct File {
    std::string content;
    std::string synced;
    bool is_there_after_cut = false;  // a new file is, once it was synced
    std::vector<Change> unsynced;
  };
  using Files = std::map<std::string, File>;

  // What of the unsynced changes a power cut leaves: none, all, the first ones, any of them, any sectors of any of
  // them.
  enum class Cut { nothing, everything, prefix, subset, torn };
  static constexpr Cut kCuts[] = {Cut::nothing, Cut::everything, Cut::prefix, Cut::subset, Cut::torn};

  static FaultyDisk& instance();
  // The name of its file layer.
  [[nodiscard]] static std::string vfs() { return "faulty"; }

  Files& files() { return files_; }
  // An empty hook: all goes well. Else it is called for each operation, of which the disk's files do not yet know but
  // for its unsynced changes, and returns SQLite's code for it.
  void set_hook(std::function<int(Operation, const std::string& path)> hook) { hook_ = std::move(hook); }
  // The disk as a cut of power now would leave it.
  [[nodiscard]] Files after_cut(Cut cut, std::mt19937_64& random) const;

  int run(Operation operation, const std::string& path) { return hook_ ? hook_(operation, path) : 0; }

 private:
  FaultyDisk();

  Files files_;
  std::function<int(Operation, const std::string&)> hook_;
};

}  // namespace zebu::test
