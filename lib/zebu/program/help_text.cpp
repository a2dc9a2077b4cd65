#include "zebu/program/help_page.h"

#include <algorithm>
#include <sstream>

namespace zebu::cli {
namespace {

constexpr std::size_t kWidth = 80;
constexpr std::size_t kWidestName = 26;  // wider names have their text on the next line

using Rows = std::vector<std::pair<std::string, std::string>>;  // what, and its text

std::string described(const HelpOption& option) {
  std::string text = option.text;
  if (!option.fallback.empty()) text += " (default: " + option.fallback + ")";
  return text;
}

// Characters of UTF-8: our own texts have none that is wider than a column.
std::size_t columns(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U; }));
}

void add_rows(std::string& to, const std::string& heading, const Rows& rows, std::size_t column) {
  if (rows.empty()) return;
  to += '\n' + heading + ":\n";
  for (const auto& [what, text] : rows) {
    std::string line = "  " + what;
    if (columns(line) + 2 > column) {
      to += line + '\n';
      line.clear();
    }
    line.resize(line.size() + column - columns(line), ' ');
    to += line + filled(text, kWidth - column, column) + '\n';
  }
}

Rows rows_of(const std::vector<HelpOption>& options) {
  Rows rows;
  for (const HelpOption& option : options)
    rows.emplace_back(option.name + (option.value.empty() ? "" : " " + option.value), described(option));
  return rows;
}

// Lines that begin with a blank stay as they are.
std::string paragraphs(const std::string& text) {
  std::string result;
  std::istringstream lines(text);
  std::string paragraph;
  const auto end = [&] {
    if (!paragraph.empty()) result += filled(paragraph, kWidth, 0) + '\n';
    paragraph.clear();
  };
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line.front() == ' ') {
      end();
      result += line + '\n';
    } else {
      paragraph += (paragraph.empty() ? "" : " ") + line;
    }
  }
  end();
  return result;
}

std::string examples_text(const std::vector<Example>& examples) {
  std::string text = "\nExamples:\n";
  for (const Example& example : examples)
    text += "  " + example.line + "\n      " + filled(example.what, kWidth - 6, 6) + '\n';
  return text;
}

}  // namespace

std::string filled(const std::string& text, std::size_t width, std::size_t indent) {
  std::string result;
  std::size_t column = 0;
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    if (column > 0 && column + 1 + columns(word) > width) {
      result += '\n' + std::string(indent, ' ');
      column = 0;
    } else if (column > 0) {
      result += ' ';
      ++column;
    }
    result += word;
    column += columns(word);
  }
  return result;
}

std::string usage_line(const HelpPage& page) {
  std::string line = page.program;
  if (!page.command.empty()) line += ' ' + page.command;
  line += " [OPTION...]";
  if (!page.commands.empty()) line += page.needs_command ? " COMMAND" : " [COMMAND]";
  for (const HelpOption& argument : page.arguments) {
    const std::string name = argument.name + (argument.is_list ? "..." : "");
    line += argument.is_required ? ' ' + name : " [" + name + ']';
  }
  return line;
}

std::string help_text(const HelpPage& page) {
  std::string text = paragraphs(page.about) + "\nUsage: " + usage_line(page) + '\n';
  Rows commands;
  for (const HelpPage& command : page.commands) commands.emplace_back(command.command, command.about);
  const Rows arguments = rows_of(page.arguments);
  std::size_t column = 0;
  const auto measure = [&](const Rows& rows) {
    for (const auto& [what, unused] : rows) {
      if (columns(what) <= kWidestName) column = std::max(column, columns(what) + 4);
    }
  };
  measure(arguments);
  measure(commands);
  for (const HelpGroup& group : page.groups) measure(rows_of(group.options));
  add_rows(text, "Arguments", arguments, column);
  add_rows(text, "Commands", commands, column);
  for (const HelpGroup& group : page.groups) add_rows(text, group.heading, rows_of(group.options), column);
  if (!page.examples.empty()) text += examples_text(page.examples);
  if (!page.footer.empty()) text += '\n' + paragraphs(page.footer);
  if (!page.command.empty()) {
    text += "\nThe options of " + page.program + " may follow the command: see " + page.program + " --help.\n";
  } else if (!page.commands.empty()) {
    text += "\nThe options of a command: " + page.program + " COMMAND --help.\n";
  }
  return text;
}

}  // namespace zebu::cli
