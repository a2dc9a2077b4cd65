#include "zebu/program/cli_layers.h"

#include "zebu/program/cli_pages.h"
#include "zebu/program/option_text.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <system_error>
#include <unistd.h>

namespace zebu::cli {
namespace {

using Type = ConfigValue::Type;

std::string variable(const std::string& name) {
  const char* value = std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe)
  return value == nullptr ? std::string() : value;
}

// Where a file is looked for that --config does not name.
std::vector<std::string> places(const std::string& program) {
  const std::string name = (program.starts_with("zebu-") ? program.substr(5) : program) + ".toml";
  std::vector<std::string> all;
  if (const std::string folder = variable("XDG_CONFIG_HOME"); folder.starts_with('/')) {
    all.push_back(folder + "/zebu/" + name);
  } else if (const std::string home = variable("HOME"); home.starts_with('/')) {
    all.push_back(home + "/.config/zebu/" + name);
  }
  all.push_back("/etc/zebu/" + name);
  return all;
}

bool is_there(const std::string& file) {
  struct stat facts {};
  return ::stat(file.c_str(), &facts) == 0;
}

// The form that a type of option has in a file.
std::string wanted(const OptionTraits& traits) {
  switch (traits.kind) {
    case Kind::number:
      return "a whole number";
    case Kind::real:
      return "a number";
    case Kind::flag:
      return "true or false";
    case Kind::duration:
      return "a string such as \"1h30m\", or a number of seconds";
    case Kind::size:
      return "a string such as \"512MiB\", or a number of bytes";
    case Kind::text:
      break;
  }
  return "a string";
}

bool has_type(const OptionTraits& traits, Type type) {
  const bool is_number = type == Type::integer || type == Type::real;
  switch (traits.kind) {
    case Kind::number:
      return type == Type::integer;
    case Kind::real:
      return is_number;
    case Kind::flag:
      return type == Type::boolean;
    case Kind::duration:
      return is_number || type == Type::string;
    case Kind::size:
      return type == Type::integer || type == Type::string;
    case Kind::text:
      break;
  }
  return type == Type::string;
}

bool is_excluded(const CLI::Option& option) {
  const auto& others = option.get_excludes();
  return std::any_of(others.begin(), others.end(), [](const CLI::Option* other) { return other->count() > 0; });
}

bool has_what_it_needs(const CLI::Option& option) {
  const auto& others = option.get_needs();
  return std::all_of(others.begin(), others.end(), [](const CLI::Option* other) { return other->count() > 0; });
}

std::string joined(const std::vector<std::string>& parts) {
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : ".") + part;
  return text;
}

bool is_file_named(const CLI::App& app) {
  return app.count("--config") > 0 && app.get_config_ptr()->as<std::string>() != kNoConfigFile;
}

}  // namespace

std::vector<std::string> configurable_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_configurable() && !long_name(*option).empty()) names.push_back(long_name(*option));
  }
  return names;
}

std::vector<CLI::ConfigItem> Layers::from_config(std::istream& stream) const {
  if (is_file_named(app_) && app_.count("--no-config") > 0) error_ = "--config and --no-config exclude each other";
  if (error_.empty()) read_environment();
  if (error_.empty() && app_.count("--no-config") == 0) read_file(stream);
  if (source_.empty()) source_ = "No file was read.";
  return {};
}

void Layers::read_environment() const {
  for (const std::string& name : configurable_names(app_)) {
    CLI::Option* option = app_.get_option("--" + name);
    const std::string value = variable(variable_of(name));
    if (value.empty() || option->count() > 0) continue;
    if (registry_.options.at(option).kind == Kind::flag && value != "true" && value != "false") {
      error_ = variable_of(name) + ": '" + value + "' is neither true nor false";
    } else {
      put(*option, {value}, variable_of(name));
    }
    if (!error_.empty()) return;
  }
}

void Layers::read_file(std::istream& named) const {
  std::ifstream found;
  std::istream* input = &named;
  if (is_file_named(app_)) {
    file_ = app_.get_config_ptr()->as<std::string>();
  } else {
    for (const std::string& place : places(app_.get_name())) {
      if (!file_.empty() || !is_there(place)) continue;
      file_ = place;
      found.open(place);
      if (!found) {
        error_ = "cannot read the configuration file " + place + ": " + std::generic_category().message(errno) +
                 "; --no-config reads none";
        return;
      }
      input = &found;
    }
    if (file_.empty()) return;
  }
  source_ = "Read from " + file_ + '.';
  const auto entries = read_toml(*input, file_);
  if (!entries) {
    error_ = entries.error().message;
    return;
  }
  // What needs another option comes when that one is there.
  for (const bool comes_second : {false, true}) {
    for (const ConfigEntry& entry : *entries) {
      take(entry, comes_second);
      if (!error_.empty()) return;
    }
  }
}

void Layers::take(const ConfigEntry& entry, bool comes_second) const {
  const std::string place =
      file_ + ":" + std::to_string(entry.value.line) + ":" + std::to_string(entry.value.column) + ": ";
  CLI::App* app = &app_;
  if (entry.key.size() > 1) {
    app = nullptr;
    std::vector<std::string> commands;
    for (CLI::App* command : app_.get_subcommands({})) {
      commands.push_back(command->get_name());
      if (command->get_name() == entry.key.front()) app = command;
    }
    if (app == nullptr) {
      error_ = place + "unknown table '" + entry.key.front() + "'" + did_you_mean(entry.key.front(), commands);
      return;
    }
  }
  const std::string& name = entry.key.back();
  CLI::Option* option = entry.key.size() > 2 ? nullptr : app->get_option_no_throw("--" + name);
  if (option == nullptr || registry_.options.count(option) == 0) {
    error_ = place + "unknown key '" + joined(entry.key) + "'" + did_you_mean(name, configurable_names(*app));
    for (const CLI::App* command : app == &app_ ? app_.get_subcommands({}) : std::vector<CLI::App*>()) {
      if (command->get_option_no_throw("--" + name) == nullptr) continue;
      error_ = place + "'" + name + "' is an option of " + command->get_name() + ": put it below [" +
               command->get_name() + "]";
    }
  } else if (!option->get_configurable()) {
    error_ = place + "'" + name + "' can only be a flag: --" + name;
  } else if (comes_second != option->get_needs().empty()) {
    take_value(*option, registry_.options.at(option), entry.value, place + name);
  }
}

void Layers::take_value(CLI::Option& option, const OptionTraits& traits, const ConfigValue& value,
                        const std::string& place) const {
  std::vector<std::string> texts;
  const bool is_list = traits.is_list && value.type == Type::list;
  for (const ConfigValue& item : is_list ? value.items : std::vector<ConfigValue>{value}) {
    if (!has_type(traits, item.type)) {
      error_ = place + " must be " + (traits.is_list ? "a list of strings" : wanted(traits)) + ", not " +
               type_text(item.type);
      return;
    }
    texts.push_back(item.text);
  }
  if (option.count() == 0 && has_what_it_needs(option) && !texts.empty()) put(option, texts, place);
}

void Layers::put(CLI::Option& option, const std::vector<std::string>& texts, const std::string& place) const {
  if (is_excluded(option)) return;
  for (const std::string& text : texts) option.add_result(hidden(text));
  try {
    option.run_callback();
  } catch (const CLI::ParseError& e) {
    // CLI11 begins with the option's name, which `place` has.
    const std::string what = e.what();
    const std::string name = "--" + long_name(option) + ": ";
    error_ = place + ": " + (what.starts_with(name) ? what.substr(name.size()) : what);
  }
}

std::vector<std::string> doubtful_variables(const CLI::App& app, const CLI::App* command, const Registry& registry) {
  constexpr std::string_view kPrefix = "ZEBU_";
  std::vector<std::string> known;
  for (const std::string& name : configurable_names(app)) known.push_back(variable_of(name));
  std::vector<std::string> of_command;
  if (command != nullptr) {
    for (const std::string& name : configurable_names(*command)) of_command.push_back(variable_of(name));
  }
  std::vector<std::string> sentences;
  for (char** entry = ::environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const std::string name(text.substr(0, text.find('=')));
    if (!name.starts_with(kPrefix) || std::find(known.begin(), known.end(), name) != known.end()) continue;
    if (registry.others_variables.count(name) > 0) continue;
    if (std::find(of_command.begin(), of_command.end(), name) != of_command.end()) {
      sentences.push_back(name + " is not read: options of commands come from flags and the configuration file only");
    } else if (const auto near = nearest(name.substr(kPrefix.size()), [&] {
                 std::vector<std::string> names;
                 for (const std::string& each : known) names.push_back(each.substr(kPrefix.size()));
                 return names;
               }())) {
      sentences.push_back(name + " is not an option of " + app.get_name() + ": did you mean " + std::string(kPrefix) +
                          *near + "?");
    }
  }
  return sentences;
}

}  // namespace zebu::cli
