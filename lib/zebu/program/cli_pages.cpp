#include "zebu/program/cli_pages.h"

#include "zebu/program/config_file.h"
#include "zebu/program/option_text.h"

#include <algorithm>
#include <sstream>

namespace zebu::cli {
namespace {

// Shows the words that are accepted: in place of the value's name if they are short, else behind the text.
void describe_words(HelpOption& help) {
  constexpr std::size_t kShort = 20;
  std::string short_list;
  std::string list;
  for (const std::string& word : help.words) {
    short_list += (short_list.empty() ? "" : "|") + word;
    list += (list.empty() ? "" : &word == &help.words.back() ? " or " : ", ") + word;
  }
  help.value = short_list.size() <= kShort ? short_list : "WORD";
  if (short_list.size() > kShort) help.text += ": " + list;
}

HelpOption help_of(const CLI::Option& option, const Registry& registry) {
  const bool is_argument = option.get_positional();
  HelpOption help;
  help.name = is_argument ? option.get_name(true) : "--" + long_name(option);
  if (!option.get_snames().empty()) help.name = "-" + option.get_snames().front() + ", " + help.name;
  help.text = option.get_description();
  help.is_required = option.get_required();
  const auto found = registry.options.find(&option);
  if (found == registry.options.end()) return help;  // --help
  const OptionTraits& traits = found->second;
  help.value = is_argument ? "" : traits.shown.empty() ? traits.value_name : traits.shown;
  help.fallback = traits.described_default.empty() ? traits.default_text : traits.described_default;
  help.words = traits.words;
  if (!traits.words.empty() && help.value == "TEXT") describe_words(help);
  help.completes = traits.completes;
  help.is_list = traits.is_list;
  return help;
}

void add_option(HelpPage& page, const CLI::Option& option, const Registry& registry) {
  if (option.get_positional()) {
    page.arguments.push_back(help_of(option, registry));
    return;
  }
  const std::string& heading = option.get_group();
  if (heading.empty()) return;  // hidden
  auto group = std::find_if(page.groups.begin(), page.groups.end(),
                            [&](const HelpGroup& each) { return each.heading == heading; });
  if (group == page.groups.end()) group = page.groups.insert(group, HelpGroup{heading});
  group->options.push_back(help_of(option, registry));
}

// A value as TOML has it. text: as on the command line.
std::string toml_value(const OptionTraits& traits, const std::string& text) {
  switch (traits.kind) {
    case Kind::number:
    case Kind::real:
    case Kind::flag:
      return text;
    case Kind::duration:
      if (const auto parsed = parse_microseconds(text)) return toml_string(duration_text(*parsed));
      break;
    case Kind::size:
      if (const auto parsed = parse_size(text)) return toml_string(size_text(*parsed));
      break;
    case Kind::text:
      break;
  }
  return toml_string(text);
}

// The value in force; empty: none.
std::string value_in_force(const CLI::Option& option, const OptionTraits& traits) {
  std::vector<std::string> given;
  for (const std::string& word : option.results()) given.push_back(revealed(word));
  if (traits.kind == Kind::flag) {
    const bool is_on = !given.empty() && given.back() != "false";
    return is_on ? "true" : "false";
  }
  if (given.empty() && !traits.default_text.empty()) given.push_back(traits.default_text);
  if (!traits.is_list) return given.empty() ? "" : toml_value(traits, given.back());
  std::string list;
  for (const std::string& text : given) list += (list.empty() ? "" : ", ") + toml_value(traits, text);
  return list.empty() ? "" : "[" + list + "]";
}

void add_config(std::ostream& out, const CLI::App& app, const Registry& registry) {
  for (const CLI::Option* option : app.get_options()) {
    const auto found = registry.options.find(option);
    if (found == registry.options.end() || !option->get_configurable() || long_name(*option).empty()) continue;
    const std::string value = value_in_force(*option, found->second);
    out << "\n# " << option->get_description() << '\n';
    out << (value.empty() ? "# " : "") << long_name(*option) << (value.empty() ? " is not set" : " = " + value) << '\n';
  }
}

}  // namespace

std::string long_name(const CLI::Option& option) {
  return option.get_lnames().empty() ? std::string() : option.get_lnames().front();
}

HelpPage page_of(const CLI::App& app, const Registry& registry) {
  HelpPage page;
  const CLI::App* const parent = app.get_parent();
  page.program = parent != nullptr ? parent->get_name() : app.get_name();
  page.command = parent != nullptr ? app.get_name() : "";
  page.about = app.get_description();
  for (const CLI::Option* option : app.get_options()) add_option(page, *option, registry);
  for (const CLI::App* command : app.get_subcommands({})) page.commands.push_back(page_of(*command, registry));
  const auto traits = registry.commands.find(&app);
  if (traits == registry.commands.end()) return page;
  page.examples = traits->second.examples;
  page.footer = traits->second.footer;
  page.needs_command = traits->second.needs_command;
  return page;
}

std::string config_text(const CLI::App& app, const Registry& registry, const std::string& source) {
  std::ostringstream out;
  out << "# The options of " << app.get_name() << " in force. " << source << '\n';
  add_config(out, app, registry);
  for (const CLI::App* command : app.get_subcommands({})) {
    std::ostringstream table;
    add_config(table, *command, registry);
    if (!table.str().empty()) out << "\n[" << command->get_name() << "]\n" << table.str();
  }
  return out.str();
}

}  // namespace zebu::cli
