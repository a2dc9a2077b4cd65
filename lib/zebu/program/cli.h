#pragma once

#include "zebu/program/exit_codes.h"

#include <CLI/CLI.hpp>

#include <optional>
#include <string>

// What the options of all programs share: names, configuration file, environment, exit codes.
namespace zebu::cli {

// Adds --config FILE (TOML), --print-config, --version and --log-level to `app`. Call it before the program's own.
void add_standard_options(CLI::App& app, std::string& log_level);

// Reads flags, then the environment (--queue-limit is ZEBU_QUEUE_LIMIT), then the configuration file (key queue-limit):
// the first that names an option wins, an unknown key is an error. Returns the exit code when the program is to stop
// now: after --help, --version, --print-config, or a mistake, which it has explained on stderr. Call it before anything
// is opened: standard descriptors that are closed are taken first, so that no file or socket gets one of them.
[[nodiscard]] std::optional<int> parse(CLI::App& app, int argc, const char* const* argv);

// A check for an option: what is wrong with an endpoint (tcp://HOST:PORT); empty: nothing.
[[nodiscard]] std::string why_no_endpoint(const std::string& endpoint);

// Parses 250ms, 3s, 2m or a number of seconds (0.5) into milliseconds; use as an option's transform target.
CLI::Option* add_duration(CLI::App& app, const std::string& name, std::chrono::milliseconds& value,
                          const std::string& help);
// The same for a duration that need not be given.
CLI::Option* add_duration(CLI::App& app, const std::string& name, std::optional<std::chrono::milliseconds>& value,
                          const std::string& help);

}  // namespace zebu::cli
