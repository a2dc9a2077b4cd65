#pragma once

#include "zebu/registry.h"

namespace zebu::consumer {

// With --pool threads: runs the registry's hooks in a thread of their own, again after a growing pause if one throws.
// False: `stop` (a descriptor) became readable before they had ended. Then the thread may still run.
[[nodiscard]] bool run_hooks(const Registry& registry, int stop);

}  // namespace zebu::consumer
