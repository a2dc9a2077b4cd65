#pragma once

#include "zebu/registry.h"

#include <optional>

namespace zebu::consumer {

// If this process was started as a slot (see child.h): runs jobs until the parent is gone, and returns the exit code.
// Otherwise returns nullopt. Call it before anything else.
[[nodiscard]] std::optional<int> run_as_slot(int argc, char** argv, const Registry& registry);

}  // namespace zebu::consumer
