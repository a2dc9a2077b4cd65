#pragma once

#include "zebu/program/exit_codes.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

// The command lines of all programs: options, subcommands, configuration file, environment, exit codes.
//
// CLI11 does the work. Only cli.cpp includes it, because that costs several seconds of compiling for each file.
namespace zebu::cli {

// An option or a positional argument. A handle: copies refer to the same option, which lives as long as its Program.
class Option {
 public:
  explicit Option(CLI::Option& option) : option_(&option) {}

  Option required();
  Option not_configurable();         // read from the command line only, not from the environment or a file
  Option excludes(Option other);     // giving both is an error
  Option needs(Option other);        // giving it without the other one is an error
  Option separated_by(char letter);  // one word may hold several values: a,b
  Option one_value_each();           // each of several values needs the option's name before it
  Option count(int min, int max);    // how many values it takes

  // Checks of each value. They run in the order in which they were added, before the value is stored.
  Option check(std::function<std::string(const std::string&)> why_bad);  // returns why it is bad; empty if it is not
  Option range(std::uint64_t min, std::uint64_t max);
  Option one_of(const std::vector<std::string>& words);
  Option as_size();  // a number of bytes that may have a unit: 64k, 512MiB; the checks see the number

  // What --help shows. The default is also what --print-config prints for an option that was not given.
  Option shows_default();                        // the variable's value at this moment
  Option default_text(const std::string& text);  // empty: no default
  Option type_name(const std::string& name);     // in place of TEXT, UINT, ...
  Option shown_as(const std::string& text);      // in place of type, default and all else before the description

 private:
  CLI::Option* option_;
};

// Reads a value of an option into a program's own type. Returns why the text is bad; empty if it is not.
using Reader = std::function<std::string(const std::string& text)>;

// An error that concerns more than one option. Reported as "ABOUT: MESSAGE".
struct UsageError {
  std::string about;
  std::string message;
};
using Check = std::function<std::optional<UsageError>()>;

// The words that an option accepts, and what each of them stands for.
template <class T>
using Words = std::vector<std::pair<std::string, T>>;

// A program's command line or that of one of its subcommands. A handle like Option.
//
// Options have names like "--queue-limit", positional arguments like "QUEUE". Parsing sets `value`, which must live
// until then and keeps what it has if the option is not given.
class Command {
 public:
  explicit Command(CLI::App& app) : app_(&app) {}

  Option option(const std::string& name, std::string& value, const std::string& help);
  Option option(const std::string& name, std::optional<std::string>& value, const std::string& help);
  Option option(const std::string& name, std::vector<std::string>& value, const std::string& help);
  Option option(const std::string& name, std::uint8_t& value, const std::string& help);  // needs a range up to 255
  Option option(const std::string& name, std::uint32_t& value, const std::string& help);
  Option option(const std::string& name, std::uint64_t& value, const std::string& help);
  Option option(const std::string& name, std::optional<std::uint64_t>& value, const std::string& help);
  Option option(const std::string& name, double& value, const std::string& help);
  // Without a default, and not given, this one is left out of --print-config; an empty string above is printed as "".
  Option option(const std::string& name, Reader read, const std::string& help);
  // Takes several values, and calls `read` for each.
  Option list(const std::string& name, Reader read, const std::string& help);
  Option flag(const std::string& name, bool& value, const std::string& help);

  // tcp://HOST:PORT. Shows its default.
  Option endpoint(const std::string& name, std::string& value, const std::string& help);
  // 250ms, 3s, 2m, 1h or a number of seconds (0.5). Shows its default, if it has one.
  Option duration(const std::string& name, std::chrono::milliseconds& value, const std::string& help);
  Option duration(const std::string& name, std::optional<std::chrono::milliseconds>& value, const std::string& help);
  // A number of microseconds. Shows its default.
  Option microseconds(const std::string& name, std::chrono::microseconds& value, const std::string& help);
  // One of a few words. The word of the present value is shown as the default.
  template <class T>
  Option choice(const std::string& name, T& value, const Words<std::type_identity_t<T>>& words,
                const std::string& help);

  // --help lists the options that are added after this under the heading.
  void heading(const std::string& text);
  // Ends the text of --help.
  void footer(const std::string& text);

  // Adds a subcommand. A command line has at most one; the options of the program may follow it.
  Command subcommand(const std::string& name, const std::string& help);
  // If this subcommand was given, Program::parse calls `check`, and then `action` unless there is an error.
  void on_chosen(std::function<void()> action, Check check = nullptr);

 private:
  CLI::App* app_;
};

// A program's command line. Adds --config FILE (TOML), --print-config, --version and --log-level.
class Program : public Command {
 public:
  Program(const std::string& about, const std::string& name, std::string& log_level);
  ~Program();

  // The option --log-format, for a program that keeps a log.
  void log_format(std::string& format);

  // parse() calls `check` after it has read all options.
  void check(Check check);

  // Makes a word in brackets one value. By default [1,2] is two values, 1 and 2.
  void keep_brackets() { keeps_brackets_ = true; }

  // Reads flags, then the environment (--queue-limit is ZEBU_QUEUE_LIMIT), then the configuration file (key
  // queue-limit). The first that sets an option wins; an unknown key is an error. Returns the exit code if the program
  // should exit: after --help, --version, --print-config, or a usage error, which has been reported on stderr. Call it
  // before opening any file or socket: it occupies standard descriptors that are closed, so that no file or socket gets
  // their numbers.
  [[nodiscard]] std::optional<int> parse(int argc, const char* const* argv);

  // What --help prints.
  [[nodiscard]] std::string help() const;

 private:
  Program(std::unique_ptr<CLI::App> app, std::string& log_level);

  std::unique_ptr<CLI::App> app_;
  bool keeps_brackets_ = false;
};

template <class T>
Option Command::choice(const std::string& name, T& value, const Words<std::type_identity_t<T>>& words,
                       const std::string& help) {
  std::vector<std::string> accepted;
  std::string present;
  for (const auto& [word, meaning] : words) {
    accepted.push_back(word);
    if (meaning == value) present = word;
  }
  const auto read = [&value, words](const std::string& text) {
    for (const auto& [word, meaning] : words) {
      if (word == text) value = meaning;
    }
    return std::string();
  };
  return option(name, read, help).one_of(accepted).default_text(present);
}

}  // namespace zebu::cli
