#pragma once

#include "zebu/error.h"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace zebu::broker {

struct MigrationOptions {
  std::string path;  // the store
  // How much one commit of the new file takes.
  std::size_t rows = 20'000;
  std::size_t bytes = 16U << 20;
  // Hears, in words for people, what is needed and how far it is.
  std::function<void(const std::string&)> say = [](const std::string&) {};
  // Called after each step that a crash may come behind. Tests die there.
  std::function<void(std::string_view)> done = [](std::string_view) {};
};

// Makes a store of this version's format out of one of Zebu 0.1.0 (format 4). The new file is written beside the old
// one, as PATH.migrating, in commits of bounded size; each says how far it is, so after a crash at any point the same
// call goes on. When all of it is there and checked, it takes the old one's place in one step, and the old file is
// PATH.format4. Needs the store for itself. Returns a sentence that says what was done.
[[nodiscard]] Result<std::string> migrate_old_store(const MigrationOptions& options);

}  // namespace zebu::broker
