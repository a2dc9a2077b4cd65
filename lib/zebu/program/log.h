#pragma once

#include <spdlog/spdlog.h>

#include <string>

namespace zebu {

// Sends logs to stderr, one line each: time in UTC, level, program, text. level: a value of --log-level.
void start_log(const std::string& program, const std::string& level);

}  // namespace zebu
