#pragma once

#include "zebu/program/cli_registry.h"
#include "zebu/program/config_file.h"

#include <CLI/CLI.hpp>

// Fills in the options that the command line did not set: from the environment, then from the configuration file.
//
// CLI11 calls from_config() between reading the command line and using its values. So these layers are values like
// those of flags, and pass the same checks. Nothing is returned to CLI11, whose own ways have other rules and words.
namespace zebu::cli {

// What --config names when nobody has given it: a file for CLI11 to open, with nothing in it. Newer versions of CLI11
// count a default as given, and so nobody else may write it like this.
inline constexpr const char* kNoConfigFile = "/dev/../dev/null";

class Layers : public CLI::Config {
 public:
  Layers(CLI::App& app, const Registry& registry) : app_(app), registry_(registry) {}

  std::string to_config(const CLI::App*, bool, bool, std::string) const override { return {}; }
  // stream: of the file that --config names. Never throws: error() says what is wrong.
  std::vector<CLI::ConfigItem> from_config(std::istream& stream) const override;

  // What is wrong with the environment or the file; empty: nothing.
  [[nodiscard]] const std::string& error() const { return error_; }
  // Where the options come from, in a sentence.
  [[nodiscard]] const std::string& source() const { return source_; }

 private:
  void read_file(std::istream& named) const;
  void read_environment() const;
  void take(const ConfigEntry& entry, bool comes_second) const;
  void take_value(CLI::Option& option, const OptionTraits& traits, const ConfigValue& value,
                  const std::string& place) const;
  void put(CLI::Option& option, const std::vector<std::string>& texts, const std::string& place) const;

  CLI::App& app_;
  const Registry& registry_;
  // from_config() is const in CLI11, although reading is its purpose.
  mutable std::string file_;
  mutable std::string source_;
  mutable std::string error_;
};

// The variables ZEBU_… that are set, and look like options of this program, but are not: a sentence for each. command:
// the one that was given, or null.
[[nodiscard]] std::vector<std::string> doubtful_variables(const CLI::App& app, const CLI::App* command,
                                                          const Registry& registry);

// The long names of the options that a file may set, with a prefix before each.
[[nodiscard]] std::vector<std::string> configurable_names(const CLI::App& app);

}  // namespace zebu::cli
