#pragma once

#include "zebu/error.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// The texts of options whose form is our own. Flags, files and the environment all use these forms.
namespace zebu::cli {

// Parses a duration: units from w (weeks) to us, the larger ones first (1h30m, 7d, 250ms, 1.5s), or a number of
// seconds. Error bad_value shows the right form.
[[nodiscard]] Result<std::chrono::microseconds> parse_microseconds(const std::string& text);
// The same, rounded to milliseconds.
[[nodiscard]] Result<std::chrono::milliseconds> parse_duration(const std::string& text);

// A duration in the same form, without parts that are zero: 1d, 1h30m, 1.5s, 250ms.
[[nodiscard]] std::string duration_text(std::chrono::microseconds duration);

// Parses a number of bytes: 64KiB, 512MiB, 16GiB, 1TiB, the same with one letter (64k), powers of ten (5MB), or bytes
// without a unit. Letters may be small. Error bad_value shows the right form.
[[nodiscard]] Result<std::uint64_t> parse_size(const std::string& text);

// A size in the same form: in the largest of the units that it is a whole number of.
[[nodiscard]] std::string size_text(std::uint64_t bytes);

// Parses a whole number from `min` to `max`. Error bad_value names both.
[[nodiscard]] Result<std::uint64_t> parse_number(const std::string& text, std::uint64_t min, std::uint64_t max);
[[nodiscard]] Result<double> parse_real(const std::string& text);
// The shortest text that parse_real() reads as the same number.
[[nodiscard]] std::string real_text(double number);

// Why a text is not a valid endpoint (tcp://HOST:PORT); empty if it is.
[[nodiscard]] std::string why_no_endpoint(const std::string& endpoint);

// The word that a misspelt one may have meant; nullopt if none is near.
[[nodiscard]] std::optional<std::string> nearest(std::string_view misspelt, const std::vector<std::string>& words);
// ": did you mean 'submit'?", or empty if no word is near.
[[nodiscard]] std::string did_you_mean(std::string_view misspelt, const std::vector<std::string>& words);

}  // namespace zebu::cli
