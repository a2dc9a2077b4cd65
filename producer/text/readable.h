#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

// Figures for people.
namespace zebu::producer {

// 12,345,678
[[nodiscard]] std::string count_text(std::uint64_t number);
// 250 us, 12 ms, 3 s, 3.21 s, 2 min 5 s, 3 h 20 min, 4 d 2 h
[[nodiscard]] std::string duration_text(std::chrono::microseconds duration);
// 512 B, 1.5 KiB, 20 MiB
[[nodiscard]] std::string bytes_text(std::uint64_t bytes);
// 2026-01-31 12:00:00 in UTC
[[nodiscard]] std::string time_text(std::chrono::milliseconds unix_time);
// 1,234/s; 12.3/s below a hundred
[[nodiscard]] std::string rate_text(double per_second);
// The number with `digits` behind the point.
[[nodiscard]] std::string fixed_text(double number, int digits);

// At most so many characters of UTF-8; an ellipsis is the last one where something is missing.
[[nodiscard]] std::string shortened(std::string_view text, std::size_t width);
// Code points: near enough to the columns of a terminal for names.
[[nodiscard]] std::size_t width_of(std::string_view text);

}  // namespace zebu::producer
