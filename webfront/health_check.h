#pragma once

#include "webfront/options.h"
#include "zebu/error.h"

namespace zebu::webfront {

// Asks the front end at options.http.listen for /healthz, for at most 2 s. For containers without curl.
[[nodiscard]] Result<void> check_health(const Options& options);

}  // namespace zebu::webfront
