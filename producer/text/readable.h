#pragma once

#include "producer/text/columns.h"

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

// Numbers, durations and times as readable text.
namespace zebu::producer {

// 12,345,678
[[nodiscard]] std::string count_text(std::uint64_t number);
// 250 us, 12 ms, 3 s, 3.21 s, 2 min 5 s, 3 h 20 min, 4 d 2 h
[[nodiscard]] std::string duration_text(std::chrono::microseconds duration);
// 512 B, 1.5 KiB, 20 MiB
[[nodiscard]] std::string bytes_text(std::uint64_t bytes);
// 2026-01-31 12:00:00 UTC
[[nodiscard]] std::string time_text(std::chrono::milliseconds unix_time);
// 1,234/s; below a hundred 12.3/s
[[nodiscard]] std::string rate_text(double per_second);
// The number with `digits` digits after the point.
[[nodiscard]] std::string fixed_text(double number, int digits);

// 1 job, 2 jobs, 1,234 jobs. what: "job", "failed job"
[[nodiscard]] std::string counted(std::uint64_t number, const std::string& what);
// "is" for 1, "are" for others.
[[nodiscard]] std::string are(std::uint64_t number);

}  // namespace zebu::producer
