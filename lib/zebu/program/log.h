#pragma once

#include <spdlog/spdlog.h>

#include <string>

namespace zebu {

// Sends logs to stderr, one line each: time in UTC, level, program, text. level: a value of --log-level. No thread that
// logs waits for the reader of stderr: see LogWriter.
void start_log(const std::string& program, const std::string& level);

// Before a program ends in another way than by main() or exit(): what is logged leaves, for a bounded time.
void flush_log();

}  // namespace zebu
