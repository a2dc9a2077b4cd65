#pragma once

#include "zebu/error.h"

#include <chrono>
#include <string>

// The texts of options whose form is our own: durations and endpoints.
namespace zebu::cli {

// Parses a duration: 250ms, 3s, 2m, 1h or a number of seconds (0.5). Error bad_value shows the right form.
[[nodiscard]] Result<std::chrono::milliseconds> parse_duration(const std::string& text);

// A duration in the same form: 3s, or 250ms if it is not a whole number of seconds.
[[nodiscard]] std::string duration_text(std::chrono::milliseconds duration);

// Why a text is not a valid endpoint (tcp://HOST:PORT); empty if it is.
[[nodiscard]] std::string why_no_endpoint(const std::string& endpoint);

}  // namespace zebu::cli
