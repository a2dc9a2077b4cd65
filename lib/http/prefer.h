#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace zebu::http {

// The `wait` of a Prefer header (RFC 7240, 4.3): "respond-async, wait=10" is 10 s. Without one: nullopt. As the RFC
// asks, other preferences and malformed ones are ignored.
[[nodiscard]] std::optional<std::chrono::seconds> preferred_wait(std::string_view prefer);

// A whole number of seconds with any number of digits; everything from 2^32 - 1 on is 2^32 - 1. Anything else: nullopt.
[[nodiscard]] std::optional<std::chrono::seconds> parse_seconds(std::string_view text);

}  // namespace zebu::http
