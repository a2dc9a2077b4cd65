#include "broker/store/sqlite/system_files.h"

#include <cerrno>
#include <fcntl.h>
#include <system_error>
#include <unistd.h>

namespace zebu::broker {

tl::unexpected<Error> system_error(const std::string& doing, const std::string& path) {
  return fail(ErrorCode::system, "cannot " + doing + " '" + path + "': " + std::generic_category().message(errno));
}

Result<void> sync_path(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return system_error("open", path);
  const bool is_synced = fsync(descriptor) == 0;
  ::close(descriptor);
  if (!is_synced) return system_error("sync", path);
  return {};
}

}  // namespace zebu::broker
