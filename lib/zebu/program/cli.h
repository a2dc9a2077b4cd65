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

// The command lines of all programs: options, subcommands, configuration file, environment, exit codes; --help, manual
// pages and completions, which are made from the same source.
//
// CLI11 does the work. Only the files cli*.cpp include it, because that costs several seconds of compiling for each.
namespace zebu::cli {

struct OptionTraits;
struct Registry;

// What a shell completes a value with.
enum class Completes { nothing, files, queues, tasks, consumers };

// A command line, and what it does.
struct Example {
  std::string line;
  std::string what;
};

// An option or a positional argument. A handle: copies refer to the same option, which lives as long as its Program.
class Option {
 public:
  Option(CLI::Option& option, OptionTraits& traits) : option_(&option), traits_(&traits) {}

  Option required();
  Option not_configurable();         // read from the command line only, not from the environment or a file
  Option excludes(Option other);     // giving both is an error
  Option needs(Option other);        // giving it without the other one is an error
  Option separated_by(char letter);  // one word may hold several values: a,b
  Option one_value_each();           // each of several values needs the option's name before it
  Option count(int min, int max);    // how many values it takes

  // Checks of each value. They run in the order in which they were added, before the value is stored.
  Option check(std::function<std::string(const std::string&)> why_bad);  // returns why it is bad; empty if it is not
  Option range(std::uint64_t min, std::uint64_t max);                    // of a number or a size
  Option between(std::chrono::microseconds min, std::chrono::microseconds max);  // of a duration
  Option one_of(const std::vector<std::string>& words);

  // What --help shows. The default is also what --print-config prints for an option that was not given.
  Option shows_default();                             // the variable's value at this moment
  Option default_text(const std::string& text);       // empty: no default
  Option described_default(const std::string& text);  // for --help: "one per core"
  Option type_name(const std::string& name);          // in place of TEXT, COUNT, ...
  Option shown_as(const std::string& text);           // in place of the type
  Option completed_with(Completes what);

  [[nodiscard]] OptionTraits* traits() const { return traits_; }

 private:
  CLI::Option* option_;
  OptionTraits* traits_;
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
  Command(CLI::App& app, Registry& registry) : app_(&app), registry_(&registry) {}

  Option option(const std::string& name, std::string& value, const std::string& help);
  Option option(const std::string& name, std::optional<std::string>& value, const std::string& help);
  Option option(const std::string& name, std::vector<std::string>& value, const std::string& help);
  Option option(const std::string& name, std::uint8_t& value, const std::string& help);  // needs a range up to 255
  Option option(const std::string& name, std::uint32_t& value, const std::string& help);
  Option option(const std::string& name, std::uint64_t& value, const std::string& help);
  Option option(const std::string& name, std::optional<std::uint64_t>& value, const std::string& help);
  Option option(const std::string& name, double& value, const std::string& help);
  Option option(const std::string& name, Reader read, const std::string& help);
  // Takes several values, and calls `read` for each.
  Option list(const std::string& name, Reader read, const std::string& help);
  Option flag(const std::string& name, bool& value, const std::string& help);

  // tcp://HOST:PORT. Shows its default.
  Option endpoint(const std::string& name, std::string& value, const std::string& help);
  // 250ms, 3s, 1h30m, 7d or a number of seconds (0.5). Shows its default, if it has one.
  Option duration(const std::string& name, std::chrono::milliseconds& value, const std::string& help);
  Option duration(const std::string& name, std::optional<std::chrono::milliseconds>& value, const std::string& help);
  Option duration(const std::string& name, std::chrono::microseconds& value, const std::string& help);
  // 64KiB, 512MiB, 16GiB or a number of bytes. Shows its default, if it has one.
  Option size(const std::string& name, std::uint64_t& value, const std::string& help);
  Option size(const std::string& name, std::optional<std::uint64_t>& value, const std::string& help);
  // One of a few words. The word of the present value is shown as the default.
  template <class T>
  Option choice(const std::string& name, T& value, const Words<std::type_identity_t<T>>& words,
                const std::string& help);

  // --help lists the options that are added after this under the heading.
  void heading(const std::string& text);
  // Ends the text of --help. Lines that begin with blanks are kept as they are, others are filled as paragraphs.
  void footer(const std::string& text);
  // Shown under "Examples".
  void example(const std::string& line, const std::string& what);

  // Adds a subcommand. A command line has at most one; the options of the program may follow it.
  Command subcommand(const std::string& name, const std::string& help);
  // If this subcommand was given, Program::parse calls `check`, and then `action` unless there is an error.
  void on_chosen(std::function<void()> action, Check check = nullptr);

 private:
  using TraitReader = std::function<std::string(const std::string& text, const OptionTraits&)>;
  Option add_value(const std::string& name, OptionTraits traits, TraitReader read, const std::string& help);
  Option add_list(const std::string& name, OptionTraits traits, TraitReader read, const std::string& help);
  template <class Number>
  Option add_number(const std::string& name, Number& value, const std::string& help);
  template <class Duration>
  Option add_duration(const std::string& name, Duration& value, const std::string& help);
  template <class Size>
  Option add_size(const std::string& name, Size& value, const std::string& help);

  CLI::App* app_;

 protected:
  Option add(CLI::Option& option, OptionTraits traits);

  Registry* registry_;
};

// A program's command line. Adds --config FILE (TOML), --no-config, --print-config, --version and --log-level.
class Program : public Command {
 public:
  Program(const std::string& about, const std::string& name, std::string& log_level);
  ~Program();

  // The option --log-format, for a program that keeps a log.
  void log_format(std::string& format);

  // parse() calls `check` after it has read all options.
  void check(Check check);

  // Without a command, parse() prints the text of --help on stderr and reports wrong usage.
  void require_command();
  // What --version tells beside version and commit: "protocol 2.0".
  void version_note(const std::string& text);
  // Names that look like options of this program's commands, and are options of other programs: their variables are
  // not warned of.
  void others_options(const std::vector<std::string>& names);

  // Reads flags; then, for the options of the program itself, the environment (--queue-limit is ZEBU_QUEUE_LIMIT); then
  // the configuration file (key queue-limit; keys of a command stand in a table of its name). The first that sets an
  // option wins; an unknown key is an error. Without --config the file is the first that exists of
  // $XDG_CONFIG_HOME/zebu/NAME.toml and /etc/zebu/NAME.toml, where NAME is the program's without "zebu-". Returns the
  // exit code if the program should exit: after --help, --version, --print-config, or a usage error, which has been
  // reported on stderr. Call it before opening any file or socket: it occupies standard descriptors that are closed, so
  // that no file or socket gets their numbers.
  [[nodiscard]] std::optional<int> parse(int argc, const char* const* argv);

  // What --help prints.
  [[nodiscard]] std::string help() const;

 private:
  Program(std::unique_ptr<CLI::App> app, std::unique_ptr<Registry> registry, std::string& log_level);

  std::unique_ptr<Registry> owned_registry_;
  std::unique_ptr<CLI::App> app_;  // after the registry, to which its options refer
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
