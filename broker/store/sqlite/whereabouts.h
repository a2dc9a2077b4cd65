#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

namespace zebu::broker {

// Whether the files of an open store are still where they were: SQLite and the lock go on with what they have open,
// however often somebody deletes, renames or replaces it, and all of that is lost with the process. One thread.
class Whereabouts {
 public:
  // The files of the store at `path` as they are now. `others` are those beside it that it cannot do without.
  Whereabouts(std::string path, const std::vector<std::string>& others);

  // What happened to the first file of which something did, such as "its file '/var/lib/zebu/zebu.db' was deleted";
  // unset: all is well. Costs a system call a file.
  [[nodiscard]] std::optional<std::string> what_happened() const;

  enum class Fate { in_place, elsewhere, deleted };
  // What became of the store's file. It is open in this process.
  [[nodiscard]] Fate fate() const;
  // Its path now, if it can be found; empty: it is deleted, or hidden.
  [[nodiscard]] std::string path_now() const;
  // By which it can be read, whatever became of its name, while this process lives: /proc/PID/fd/N; empty: by none.
  [[nodiscard]] std::string path_by_process() const;

 private:
  struct Known {
    std::string path;
    dev_t device = 0;
    ino_t inode = 0;
  };

  [[nodiscard]] static std::optional<Known> know(const std::string& path);
  [[nodiscard]] static bool is_there(const Known& file);
  [[nodiscard]] std::optional<int> descriptor() const;

  std::vector<Known> files_;  // the store's own first
};

}  // namespace zebu::broker
