#pragma once

#include "zebu/error.h"
#include "zebu/job.h"

#include <string_view>

namespace zebu::producer {

// A moment as RFC 3339 (section 5.6) writes it: 2026-01-31T12:00:00Z, 2026-01-31T13:00:00.250+01:00; a space may stand
// for the T. Digits behind the milliseconds are dropped. Error bad_value says what is wrong and what would be right;
// leap seconds and moments before 1970 are refused.
[[nodiscard]] Result<WallTime> parse_rfc3339(std::string_view text);

}  // namespace zebu::producer
