#pragma once

#include "zebu/error.h"
#include "zebu/job.h"

#include <string_view>

namespace zebu {

// Parses an RFC 3339 time (section 5.6): 2026-01-31T12:00:00Z, 2026-01-31T13:00:00.250+01:00; a space may replace the
// T. Digits beyond milliseconds are dropped. Error bad_value says what is wrong and shows the right form. Leap seconds
// and times before 1970 are refused.
[[nodiscard]] Result<WallTime> parse_rfc3339(std::string_view text);

}  // namespace zebu
