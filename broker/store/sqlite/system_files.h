#pragma once

#include "zebu/error.h"

#include <string>

namespace zebu::broker {

// "cannot open '/var/lib/zebu/zebu.db': Permission denied", by errno.
[[nodiscard]] tl::unexpected<Error> system_error(const std::string& doing, const std::string& path);
// Syncs a file, or a folder: then the names in it are on the disk.
[[nodiscard]] Result<void> sync_path(const std::string& path);

}  // namespace zebu::broker
