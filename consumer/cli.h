#pragma once

#include "consumer/options.h"

#include <optional>

namespace zebu::consumer {

// The options from the command line, the environment and a configuration file. Returns the exit code when the program
// is to stop now. test_tasks: null when the program has no such option.
[[nodiscard]] std::optional<int> parse_options(int argc, const char* const* argv, ConsumerOptions& options,
                                               bool* test_tasks);

}  // namespace zebu::consumer
