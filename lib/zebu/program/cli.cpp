#include "zebu/program/cli.h"

#include "zebu/program/option_text.h"
#include "zebu/version.h"

#include <CLI/CLI.hpp>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <iostream>
#include <string_view>

namespace zebu::cli {
namespace {

// open() returns the lowest free descriptor. Reading stdin or writing stdout then still fails, because each is opened
// in the wrong direction; but log messages to stderr are dropped without an error.
void take_closed_descriptors() {
  constexpr std::array<int, 3> kModes = {O_WRONLY, O_RDONLY, O_WRONLY};
  for (int descriptor = 0; descriptor < 3; ++descriptor) {
    if (::fcntl(descriptor, F_GETFD) >= 0 || errno != EBADF) continue;
    if (::open("/dev/null", kModes[static_cast<std::size_t>(descriptor)]) < 0) std::abort();
  }
}

std::string environment_name(std::string option) {
  for (char& c : option) c = c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return "ZEBU_" + option;
}

// Every long option can be set in the environment, except those that print something and exit.
void name_environment(CLI::App& app) {
  for (CLI::Option* option : app.get_options()) {
    if (option->get_lnames().empty() || !option->get_configurable()) continue;
    option->envname(environment_name(option->get_lnames().front()));
  }
  for (CLI::App* command : app.get_subcommands({})) name_environment(*command);
}

// CLI11 prefers the file to the environment. So a key whose variable is set is removed from the file.
class FileBehindEnvironment : public CLI::ConfigTOML {
 public:
  std::vector<CLI::ConfigItem> from_config(std::istream& input) const override {
    std::vector<CLI::ConfigItem> found = CLI::ConfigTOML::from_config(input);
    std::erase_if(found, [](const CLI::ConfigItem& item) {
      const char* value = std::getenv(environment_name(item.name).c_str());  // NOLINT(concurrency-mt-unsafe)
      return value != nullptr && *value != '\0';
    });
    return found;
  }
};

// CLI11's message for an unknown key begins with "INI was not able to parse".
std::string explained(const std::string& what) {
  constexpr std::string_view kUnknownKey = "INI was not able to parse ";
  if (what.rfind(kUnknownKey, 0) != 0) return what;
  return "the configuration file has an unknown key: " + what.substr(kUnknownKey.size());
}

// CLI11 splits a value in brackets: [1,2] becomes 1 and 2. A control character before the bracket hides the list until
// CLI11 has parsed the command line.
constexpr char kHidden = '\x01';

void hide_lists(std::vector<std::string>& words) {
  for (std::string& word : words) {
    if (word.starts_with('[')) word.insert(0, 1, kHidden);
  }
}

// Runs before the options' checks, so that these see the words as the user gave them.
void reveal_lists(CLI::App& app) {
  const auto reveal = [](const std::string& word) { return word.substr(!word.empty() && word[0] == kHidden ? 1 : 0); };
  for (CLI::Option* option : app.get_options()) {
    if (option->get_items_expected_max() > 0) option->transform(reveal, "");
  }
  for (CLI::App* command : app.get_subcommands({})) reveal_lists(*command);
}

void read_or_throw(const Reader& read, const std::string& name, const std::string& text) {
  const std::string why = read(text);
  if (!why.empty()) throw CLI::ValidationError(name, why);
}

template <class Duration>
Reader duration_reader(Duration& value) {
  return [&value](const std::string& text) {
    const auto parsed = parse_duration(text);
    if (parsed) value = *parsed;
    return parsed ? std::string() : parsed.error().message;
  };
}

}  // namespace

Option Option::required() { return Option(*option_->required()); }
Option Option::not_configurable() { return Option(*option_->configurable(false)); }
Option Option::excludes(Option other) { return Option(*option_->excludes(other.option_)); }
Option Option::needs(Option other) { return Option(*option_->needs(other.option_)); }
Option Option::separated_by(char letter) { return Option(*option_->delimiter(letter)); }
Option Option::one_value_each() { return Option(*option_->allow_extra_args(false)); }
Option Option::count(int min, int max) { return Option(*option_->expected(min, max)); }

Option Option::check(std::function<std::string(const std::string&)> why_bad) {
  return Option(*option_->check(std::move(why_bad)));
}

Option Option::range(std::uint64_t min, std::uint64_t max) { return Option(*option_->check(CLI::Range(min, max))); }
Option Option::one_of(const std::vector<std::string>& words) { return Option(*option_->check(CLI::IsMember(words))); }
Option Option::as_size() { return Option(*option_->transform(CLI::AsSizeValue(false))); }
Option Option::shows_default() { return Option(*option_->capture_default_str()); }
Option Option::default_text(const std::string& text) { return Option(*option_->default_str(text)); }
Option Option::type_name(const std::string& name) { return Option(*option_->type_name(name)); }
Option Option::shown_as(const std::string& text) { return Option(*option_->option_text(text)); }

Option Command::option(const std::string& name, std::string& value, const std::string& help) {
  return Option(*app_->add_option(name, value, help));
}

Option Command::option(const std::string& name, std::optional<std::string>& value, const std::string& help) {
  return Option(*app_->add_option(name, value, help));
}

Option Command::option(const std::string& name, std::vector<std::string>& value, const std::string& help) {
  return Option(*app_->add_option(name, value, help));
}

Option Command::option(const std::string& name, std::uint8_t& value, const std::string& help) {
  const auto set = [&value](std::uint32_t given) { value = static_cast<std::uint8_t>(given); };
  CLI::Option* option = app_->add_option_function<std::uint32_t>(name, set, help);
  option->default_function([&value] { return std::to_string(value); });
  return Option(*option);
}

Option Command::option(const std::string& name, std::uint32_t& value, const std::string& help) {
  return Option(*app_->add_option(name, value, help));
}

Option Command::option(const std::string& name, std::uint64_t& value, const std::string& help) {
  return Option(*app_->add_option(name, value, help));
}

Option Command::option(const std::string& name, std::optional<std::uint64_t>& value, const std::string& help) {
  const auto set = [&value](std::uint64_t given) { value = given; };
  return Option(*app_->add_option_function<std::uint64_t>(name, set, help));
}

Option Command::option(const std::string& name, double& value, const std::string& help) {
  return Option(*app_->add_option(name, value, help));
}

Option Command::option(const std::string& name, Reader read, const std::string& help) {
  const auto set = [name, read = std::move(read)](const std::string& text) { read_or_throw(read, name, text); };
  return Option(*app_->add_option_function<std::string>(name, set, help));
}

Option Command::list(const std::string& name, Reader read, const std::string& help) {
  const auto set = [name, read = std::move(read)](const std::vector<std::string>& texts) {
    for (const std::string& text : texts) read_or_throw(read, name, text);
  };
  return Option(*app_->add_option_function<std::vector<std::string>>(name, set, help));
}

Option Command::flag(const std::string& name, bool& value, const std::string& help) {
  return Option(*app_->add_flag(name, value, help));
}

Option Command::endpoint(const std::string& name, std::string& value, const std::string& help) {
  return option(name, value, help).check(why_no_endpoint).shows_default();
}

Option Command::duration(const std::string& name, std::chrono::milliseconds& value, const std::string& help) {
  return option(name, duration_reader(value), help).default_text(duration_text(value)).type_name("DURATION");
}

Option Command::duration(const std::string& name, std::optional<std::chrono::milliseconds>& value,
                         const std::string& help) {
  return option(name, duration_reader(value), help).type_name("DURATION");
}

Option Command::microseconds(const std::string& name, std::chrono::microseconds& value, const std::string& help) {
  const auto set = [&value](std::uint32_t given) { value = std::chrono::microseconds(given); };
  return Option(*app_->add_option_function<std::uint32_t>(name, set, help)).default_text(std::to_string(value.count()));
}

void Command::heading(const std::string& text) { app_->option_defaults()->group(text); }
void Command::footer(const std::string& text) { app_->footer(text); }

Command Command::subcommand(const std::string& name, const std::string& help) {
  app_->require_subcommand(0, 1);
  return Command(*app_->add_subcommand(name, help)->fallthrough());
}

void Command::on_chosen(std::function<void()> action, Check check) {
  app_->callback([action = std::move(action), check = std::move(check)] {
    const auto error = check ? check() : std::nullopt;
    if (error) throw CLI::ValidationError(error->about, error->message);
    action();
  });
}

Program::Program(const std::string& about, const std::string& name, std::string& log_level)
    : Program(std::make_unique<CLI::App>(about, name), log_level) {}

Program::Program(std::unique_ptr<CLI::App> app, std::string& log_level) : Command(*app), app_(std::move(app)) {
  app_->config_formatter(std::make_shared<FileBehindEnvironment>());
  app_->set_config("--config", "", "read options from a TOML file; keys are the long names")->configurable(false);
  app_->allow_config_extras(CLI::config_extras_mode::error);
  app_->add_flag("--print-config")->description("print the options in force as TOML and exit")->configurable(false);
  app_->set_version_flag("--version", std::string(kVersion))->configurable(false);
  option("--log-level", log_level, "trace, debug, info, warn, error or off")
      .one_of({"trace", "debug", "info", "warn", "error", "off"})
      .shows_default();
}

Program::~Program() = default;

void Program::log_format(std::string& format) {
  option("--log-format", format, "text for people, or json: one object per line")
      .one_of({"text", "json"})
      .shows_default();
}

void Program::check(Check check) {
  on_chosen([] {}, std::move(check));
}

std::optional<int> Program::parse(int argc, const char* const* argv) {
  take_closed_descriptors();
  name_environment(*app_);
  std::vector<std::string> words(argv, argv + argc);
  if (keeps_brackets_) {
    reveal_lists(*app_);
    hide_lists(words);
  }
  std::vector<const char*> pointers;
  pointers.reserve(words.size());
  for (const std::string& word : words) pointers.push_back(word.c_str());
  try {
    app_->parse(argc, pointers.data());
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == 0) return app_->exit(e);
    std::cerr << app_->get_name() << ": " << explained(e.what()) << "\nSee " << app_->get_name() << " --help\n";
    return kExitUsage;
  }
  if (app_->count("--print-config") > 0) {
    std::cout << app_->config_to_str(true, true);
    return kExitOk;
  }
  return std::nullopt;
}

std::string Program::help() const { return app_->help(); }

}  // namespace zebu::cli
