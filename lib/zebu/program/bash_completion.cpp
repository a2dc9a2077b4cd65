#include "zebu/program/help_page.h"

#include <sstream>

namespace zebu::cli {
namespace {

std::string function_name(const std::string& program) {
  std::string name = "_" + program;
  for (char& c : name) {
    if (c == '-' || c == '.') c = '_';
  }
  return name;
}

std::string bare_name(const std::string& name) {
  const std::size_t dashes = name.find("--");
  return dashes == std::string::npos ? name : name.substr(dashes);
}

// What completes a value: a call of one of the script's functions.
std::string completer(const HelpOption& option, const std::string& function) {
  if (!option.words.empty()) {
    std::string words;
    for (const std::string& word : option.words) words += (words.empty() ? "" : " ") + word;
    return function + "_words '" + words + "'";
  }
  switch (option.completes) {
    case Completes::files:
      return "compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")";
    case Completes::queues:
      return function + "_names queues name";
    case Completes::consumers:
      return function + "_names consumers name";
    case Completes::tasks:
      return function + "_names tasks";
    case Completes::nothing:
      break;
  }
  return ":";
}

std::string option_words(const HelpPage& page) {
  std::string words;
  for (const HelpGroup& group : page.groups) {
    for (const HelpOption& option : group.options) words += (words.empty() ? "" : " ") + bare_name(option.name);
  }
  return words;
}

// Lines of a `case` over "COMMAND OPTION" for the options of a page that take a value.
void add_values(std::ostream& out, const HelpPage& page, const std::string& function) {
  const std::string command = page.command.empty() ? "*'" : "'" + page.command;
  for (const HelpGroup& group : page.groups) {
    for (const HelpOption& option : group.options) {
      if (option.value.empty()) continue;
      out << "    " << command << ' ' << bare_name(option.name) << "') " << completer(option, function)
          << "; return ;;\n";
    }
  }
}

void add_head(std::ostream& out, const std::string& program, const std::string& function) {
  out << "# Completion of " << program << " for bash. Made from the same source as " << program << " --help.\n\n"
      << function << "_words() { mapfile -t COMPREPLY < <(compgen -W \"$1\" -- \"$cur\"); }\n\n"
      << "# Names that the broker knows, as one word each. No answer within a third of a second: nothing.\n"
      << function << "_names() {\n"
      << "  local broker=() name key='\"name\":\"[^\"]*\"' what=$1\n"
      << "  [[ ! $COMP_LINE =~ --broker[[:space:]=]+([^[:space:]]+) ]] || broker=(--broker \"${BASH_REMATCH[1]}\")\n"
      << "  COMPREPLY=()\n"
      << "  if [[ $what == tasks ]]; then what=consumers key='\"tasks\":\\[[^]]*\\]'; fi\n"
      << "  while IFS= read -r name; do\n"
      << "    [[ -z $name || $name != \"$cur\"* ]] || COMPREPLY+=(\"$(printf %q \"$name\")\")\n"
      << "  done < <(\"${words[0]}\" \"${broker[@]}\" --connect-timeout 300ms --output json \"$what\" 2>/dev/null "
         "</dev/null |\n"
      << "    grep -oE \"$key\" | sed -E 's/^\"[a-z]+\"://; s/^\\[|\\]$//g' | tr ',' '\\n' | sed -E 's/^\"|\"$//g' | "
         "sort -u)\n"
      << "}\n\n";
}

void add_command_search(std::ostream& out, const HelpPage& page) {
  std::string commands;
  for (const HelpPage& command : page.commands) commands += (commands.empty() ? "" : "|") + command.command;
  if (commands.empty()) return;
  out << "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
      << "    if [[ -z $command ]]; then\n"
      << "      case ${words[i]} in " << commands << ") command=${words[i]} ;; esac\n"
      << "    elif [[ ${words[i]} != -* ]]; then\n"
      << "      place=$((place + 1))\n"
      << "    fi\n"
      << "  done\n";
}

// The first argument of each command that has something to complete with.
void add_arguments(std::ostream& out, const HelpPage& page, const std::string& function) {
  out << "  case $command in\n";
  for (const HelpPage& command : page.commands) {
    if (command.arguments.empty() || command.arguments.front().completes == Completes::nothing) continue;
    out << "    " << command.command << ") ((place > 0)) || " << completer(command.arguments.front(), function)
        << " ;;\n";
  }
  if (!page.commands.empty()) {
    std::string names;
    for (const HelpPage& command : page.commands) names += (names.empty() ? "" : " ") + command.command;
    out << "    '') " << function << "_words '" << names << "' ;;\n";
  }
  out << "    *) ;;\n  esac\n";
}

}  // namespace

std::string bash_completion(const HelpPage& page) {
  const std::string function = function_name(page.program);
  std::ostringstream out;
  add_head(out, page.program, function);
  out << function << "() {\n"
      << "  local cur=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} command='' place=0 i\n"
      << "  local words=(\"${COMP_WORDS[@]}\")\n"
      << "  COMPREPLY=()\n";
  add_command_search(out, page);
  out << "  case \"$command $previous\" in\n";
  for (const HelpPage& command : page.commands) add_values(out, command, function);
  add_values(out, page, function);
  out << "  esac\n  if [[ $cur == -* ]]; then\n    local options='" << option_words(page)
      << "'\n    case $command in\n";
  for (const HelpPage& command : page.commands)
    out << "      " << command.command << ") options+=' " << option_words(command) << "' ;;\n";
  out << "      *) ;;\n    esac\n    " << function << "_words \"$options\"\n    return\n  fi\n";
  add_arguments(out, page, function);
  out << "}\ncomplete -F " << function << ' ' << page.program << '\n';
  return out.str();
}

}  // namespace zebu::cli
