#pragma once

#include "broker/server/options.h"
#include "broker/store/maintenance.h"
#include "scrape/options.h"

#include <optional>

namespace zebu::broker {

// Fills the options from flags, environment and file. Returns the exit code when the program is to stop now.
[[nodiscard]] std::optional<int> parse_options(int argc, const char* const* argv, Options& options,
                                               MaintenanceOptions& maintenance, scrape::Options& metrics);

}  // namespace zebu::broker
