#pragma once

#include "consumer/options.h"

#include <optional>

namespace zebu::consumer {

// Fills `options` from flags, environment and configuration file. Returns the exit code if the program must stop now.
// test_tasks: whether to run the test tasks; null if the program does not have that option.
[[nodiscard]] std::optional<int> parse_options(int argc, const char* const* argv, ConsumerOptions& options,
                                               bool* test_tasks);

}  // namespace zebu::consumer
