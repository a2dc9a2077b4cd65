#include "zebu/program/cli_mistakes.h"

#include "zebu/program/cli_pages.h"
#include "zebu/program/option_text.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <system_error>

namespace zebu::cli {
namespace {

using WordList = std::vector<std::string>;

const CLI::App* command_of(const CLI::App& app) {
  const auto given = app.get_subcommands();
  return given.empty() ? nullptr : given.front();
}

// The words that nothing took, in the order of the command line.
WordList unexpected(const CLI::App& app, const WordList& words) {
  std::map<std::string, int> left;
  for (const std::string& word : app.remaining(true)) ++left[revealed(word)];
  WordList result;
  for (const std::string& word : words) {
    if (word != "--" && left[word]-- > 0) result.push_back(word);
  }
  return result;
}

// An error's name may be the program's.
template <class Kind>
bool is_a(const CLI::ParseError& error) {
  return dynamic_cast<const Kind*>(&error) != nullptr;
}

std::string joined(const WordList& words, const std::string& between) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : between) + word;
  return text;
}

bool has_option(const CLI::App& app, const std::string& name) {
  const CLI::Option* option = app.get_option_no_throw(name);
  return option != nullptr && !option->get_group().empty();
}

// The commands that have an option.
WordList owners(const CLI::App& app, const std::string& option) {
  WordList names;
  for (const CLI::App* command : app.get_subcommands({})) {
    if (has_option(*command, option)) names.push_back(command->get_name());
  }
  return names;
}

WordList option_names(const CLI::App& app) {
  WordList names;
  for (const CLI::Option* option : app.get_options()) {
    if (!long_name(*option).empty() && !option->get_group().empty()) names.push_back("--" + long_name(*option));
  }
  return names;
}

std::string about_option(const CLI::App& app, const CLI::App* command, const std::string& word) {
  const std::string name = word.substr(0, word.find('='));
  const std::string program = app.get_name();
  const WordList of = owners(app, name);
  if (command != nullptr && has_option(*command, name)) {
    return name + " is an option of the command " + command->get_name() + ", and stands behind it: " + program + ' ' +
           command->get_name() + " ... " + name;
  }
  const std::string commands = (of.size() == 1 ? "the command " : "the commands ") + joined(of, ", ");
  if (!of.empty() && command != nullptr) {
    return name + " is an option of " + commands + ", not of " + command->get_name();
  }
  if (!of.empty()) return name + " is an option of " + commands + ", and stands behind it";
  WordList known = option_names(app);
  if (command != nullptr) {
    const WordList more = option_names(*command);
    known.insert(known.end(), more.begin(), more.end());
  }
  const std::string hint = did_you_mean(name, known);
  const bool takes_arguments = command != nullptr && !name.starts_with("--");
  return "unknown option " + name +
         (hint.empty() && takes_arguments ? "; an argument that begins with a dash stands behind --" : hint);
}

Mistake about_extras(const CLI::App& app, const WordList& words) {
  const CLI::App* command = command_of(app);
  const WordList extra = unexpected(app, words);
  const std::string help = app.get_name() + (command != nullptr ? ' ' + command->get_name() : "") + " --help";
  if (extra.empty()) return {"unexpected arguments", help};
  const std::string& first = extra.front();
  if (first.size() > 1 && first.front() == '-') return {about_option(app, command, first), help};
  WordList names;
  for (const CLI::App* each : app.get_subcommands({})) names.push_back(each->get_name());
  if (command == nullptr && !names.empty()) {
    return {"unknown command '" + first + "'" + did_you_mean(first, names) +
                (extra.size() > 1 ? " (not expected: " + joined(extra, " ") + ")" : ""),
            help};
  }
  return {"not expected: " + joined(extra, " "), help};
}

}  // namespace

Mistake explained(const CLI::ParseError& error, const CLI::App& app, const WordList& words) {
  const CLI::App* command = command_of(app);
  const std::string help = app.get_name() + (command != nullptr ? ' ' + command->get_name() : "") + " --help";
  const std::string what = error.what();
  const bool is_incomplete = is_a<CLI::RequiredError>(error) && !unexpected(app, words).empty();
  if (is_a<CLI::ExtrasError>(error) || is_incomplete) return about_extras(app, words);
  if (is_a<CLI::ArgumentMismatch>(error)) {
    const std::string name = what.substr(0, what.find(':'));
    if (what.find("required") != std::string::npos && what.find("missing") != std::string::npos)
      return {name + " needs a value", help};
    return {name + " is given more often than it may be", help};
  }
  if (is_a<CLI::FileError>(error)) {
    const std::string file = app.get_config_ptr()->as<std::string>();
    struct stat facts {};
    const bool is_there = ::stat(file.c_str(), &facts) == 0;
    return {"cannot read the configuration file " + file + ": " +
                (is_there && S_ISDIR(facts.st_mode) ? "it is a directory"
                                                    : std::generic_category().message(is_there ? EACCES : errno)),
            app.get_name() + " --help"};
  }
  return {what, help};
}

}  // namespace zebu::cli
