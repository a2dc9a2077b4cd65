#pragma once

#include "zebu/program/cli_registry.h"
#include "zebu/program/help_page.h"

#include <CLI/CLI.hpp>

// Makes a HelpPage of what CLI11 and the registry know.
namespace zebu::cli {

[[nodiscard]] HelpPage page_of(const CLI::App& app, const Registry& registry);

// --print-config: the options in force as TOML. `source` says in a comment where they come from.
[[nodiscard]] std::string config_text(const CLI::App& app, const Registry& registry, const std::string& source);

// "--queue-limit" without the dashes; empty for an argument.
[[nodiscard]] std::string long_name(const CLI::Option& option);

// Makes --help from help_text().
class HelpFormatter : public CLI::FormatterBase {
 public:
  explicit HelpFormatter(const Registry& registry) : registry_(registry) {}
  std::string make_help(const CLI::App* app, std::string, CLI::AppFormatMode) const override {
    return help_text(page_of(*app, registry_));
  }

 private:
  const Registry& registry_;
};

}  // namespace zebu::cli
