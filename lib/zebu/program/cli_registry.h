#pragma once

#include "zebu/program/cli.h"

#include <map>
#include <set>
#include <unordered_map>

// What we know of options and commands beyond CLI11: how values are written, what completes them, how --help and the
// manual show them. For the files of lib/zebu/program/cli* only.
namespace zebu::cli {

enum class Kind { text, number, real, flag, duration, size };

struct OptionTraits {
  Kind kind = Kind::text;
  std::uint64_t min = 0;
  std::uint64_t max = UINT64_MAX;
  std::vector<std::function<std::string(const std::string&)>> checks = {};  // each says why a text is bad
  std::vector<std::string> words = {};                                      // all that is accepted; empty: anything
  std::function<std::string()> show = nullptr;                              // the variable's value now
  std::string default_text;
  std::string described_default;  // in place of default_text in --help: it depends on where the program runs
  std::string value_name;
  std::string shown;  // after the name, in place of the value's name
  Completes completes = Completes::nothing;
  bool is_list = false;
  char separator = 0;  // of several values in one word
};

struct CommandTraits {
  std::vector<Example> examples = {};
  std::string footer;
  bool needs_command = false;
};

struct Registry {
  std::unordered_map<const CLI::Option*, OptionTraits> options = {};  // references into it stay valid
  std::map<const CLI::App*, CommandTraits> commands = {};
  std::set<std::string> others_variables = {};  // ZEBU_… that other programs read
  std::string version_notes;
};

// CLI11 splits a value in brackets: [1,2] becomes 1 and 2. A control character before the bracket hides the list until
// CLI11 has parsed it.
[[nodiscard]] std::string hidden(std::string word);
[[nodiscard]] std::string revealed(const std::string& word);

// The environment variable of an option of the program: --queue-limit is ZEBU_QUEUE_LIMIT.
[[nodiscard]] std::string variable_of(const std::string& option);

}  // namespace zebu::cli
