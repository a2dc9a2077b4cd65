#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace zebu::webfront {

// The `wait` of a Prefer header (RFC 7240, 4.3): "respond-async, wait=10" is 10 s. Nothing without one; other
// preferences, and one that is malformed, are passed over as the RFC asks.
[[nodiscard]] std::optional<std::chrono::seconds> preferred_wait(std::string_view prefer);

// A number of whole seconds, of any number of digits: 2^32 - 1 stands for all above. Nothing when it is none.
[[nodiscard]] std::optional<std::chrono::seconds> parse_seconds(std::string_view text);

}  // namespace zebu::webfront
