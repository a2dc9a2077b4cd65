#pragma once

#include "zebu/program/exit_codes.h"

#include <CLI/CLI.hpp>

#include <optional>
#include <string>

// What the command lines of all programs share: standard options, configuration file, environment, exit codes.
namespace zebu::cli {

// Adds --config FILE (TOML), --print-config, --version and --log-level to `app`. Call it before adding other options.
void add_standard_options(CLI::App& app, std::string& log_level);

// Reads flags, then the environment (--queue-limit is ZEBU_QUEUE_LIMIT), then the configuration file (key queue-limit).
// The first that sets an option wins; an unknown key is an error. Returns the exit code if the program should exit:
// after
// --help, --version, --print-config, or a usage error, which has been reported on stderr. Call it before opening any
// file or socket: it occupies standard descriptors that are closed, so that no file or socket gets their numbers.
[[nodiscard]] std::optional<int> parse(CLI::App& app, int argc, const char* const* argv);

// A check for an option: why a text is not a valid endpoint (tcp://HOST:PORT); empty if it is.
[[nodiscard]] std::string why_no_endpoint(const std::string& endpoint);

// Adds an option for a duration: 250ms, 3s, 2m, 1h or a number of seconds (0.5).
CLI::Option* add_duration(CLI::App& app, const std::string& name, std::chrono::milliseconds& value,
                          const std::string& help);
// The same for a duration without a default.
CLI::Option* add_duration(CLI::App& app, const std::string& name, std::optional<std::chrono::milliseconds>& value,
                          const std::string& help);

}  // namespace zebu::cli
