#pragma once

#include "webfront/options.h"
#include "zebu/error.h"

namespace zebu::webfront {

// Asks the front end that serves at options.listen for /healthz, for at most 2 s. For containers that have no curl.
[[nodiscard]] Result<void> check_health(const Options& options);

}  // namespace zebu::webfront
