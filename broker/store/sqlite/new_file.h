#pragma once

#include "zebu/error.h"

#include <string>

namespace zebu::broker {

// A file that appears under its name when it is whole, and of which nothing stays behind before that, whatever ends the
// process: it has no name until then (O_TMPFILE). Where the file system cannot do that, it has the name
// NAME.zebu-partial meanwhile; if the process is killed, that one stays, and the next new file in that folder removes
// it.
class NewFile {
 public:
  enum class Kind { without_name, partial };

  // kind: `partial` is for tests.
  [[nodiscard]] static Result<NewFile> create(const std::string& name, Kind kind = Kind::without_name);
  NewFile(NewFile&& other) noexcept;
  NewFile& operator=(NewFile&&) = delete;
  ~NewFile();

  [[nodiscard]] int descriptor() const { return descriptor_; }
  // Syncs it and gives it its name. A file that is there is only replaced with `replace`.
  [[nodiscard]] Result<void> appear(bool replace);

 private:
  NewFile(std::string name, int descriptor, bool has_partial)
      : name_(std::move(name)), descriptor_(descriptor), has_partial_(has_partial) {}

  [[nodiscard]] std::string partial() const;

  std::string name_;
  int descriptor_ = -1;
  bool has_partial_ = false;
};

}  // namespace zebu::broker
