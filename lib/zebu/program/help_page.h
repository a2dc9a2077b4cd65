#pragma once

#include "zebu/program/cli.h"

#include <string>
#include <vector>

// What a command line offers, as data, and the texts that are made of it: --help, the manual page, and the completions
// for bash.
namespace zebu::cli {

struct HelpOption {
  std::string name;   // --queue-limit; an argument's: QUEUE
  std::string value;  // what follows it: COUNT; of a flag empty
  std::string text;
  std::string fallback;  // the default; empty: none
  std::vector<std::string> words = {};
  Completes completes = Completes::nothing;
  bool is_required = false;
  bool is_list = false;
};

struct HelpGroup {
  std::string heading;
  std::vector<HelpOption> options = {};
};

struct HelpPage {
  std::string program;
  std::string command;  // empty: the program's own page
  std::string about;
  std::vector<HelpOption> arguments = {};
  std::vector<HelpGroup> groups = {};
  std::vector<HelpPage> commands = {};
  std::vector<Example> examples = {};
  std::string footer;
  bool needs_command = false;
};

// The text of --help: at most 80 columns wide.
[[nodiscard]] std::string help_text(const HelpPage& page);

// The manual page, for man(1). version: of the program.
[[nodiscard]] std::string manual_page(const HelpPage& page, const std::string& version);

// A script for bash that completes commands, options, their values, and files. Names of queues, tasks and consumers
// come from the broker, if it answers within a third of a second.
[[nodiscard]] std::string bash_completion(const HelpPage& page);

// "zebu-producer submit [OPTION...] TASK [ARG...]"
[[nodiscard]] std::string usage_line(const HelpPage& page);

// The text broken between words into lines of at most `width` columns; each but the first begins with `indent` blanks.
[[nodiscard]] std::string filled(const std::string& text, std::size_t width, std::size_t indent);

}  // namespace zebu::cli
