#pragma once

#include "zebu/program/cli_registry.h"

#include <CLI/CLI.hpp>

#include <string>
#include <vector>

// Words for mistakes on a command line, in place of CLI11's.
namespace zebu::cli {

struct Mistake {
  std::string what;
  std::string help;  // the command that tells more: zebu-producer submit --help
};

// Of CLI11's error. words: the command line as the user gave it, without the program.
[[nodiscard]] Mistake explained(const CLI::ParseError& error, const CLI::App& app,
                                const std::vector<std::string>& words);

}  // namespace zebu::cli
