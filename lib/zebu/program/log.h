#pragma once

#include <spdlog/spdlog.h>

#include <string>

namespace zebu {

// Logs go to stderr, one line each: time in UTC, level, program, text. level: as --log-level takes it.
void start_log(const std::string& program, const std::string& level);

}  // namespace zebu
