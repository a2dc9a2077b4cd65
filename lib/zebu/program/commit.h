#pragma once

#include <string>

namespace zebu::cli {

// The commit that this was built from, as git names it; "-dirty" behind it: and more. Empty if the sources were not in
// a git repository.
[[nodiscard]] std::string built_from();

}  // namespace zebu::cli
