#include "zebu/program/help_page.h"

#include <cctype>
#include <sstream>

namespace zebu::cli {
namespace {

// A text of ours as roff has it: backslashes and dashes escaped, no line that begins as a request does.
std::string roff(const std::string& text) {
  std::string escaped;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool begins_line = i == 0 || text[i - 1] == '\n';
    if (begins_line && (c == '.' || c == '\'')) escaped += "\\&";
    if (c == '\\') {
      escaped += "\\e";
    } else if (c == '-') {
      escaped += "\\-";
    } else if (c == '\'') {
      escaped += "\\(aq";
    } else if (c == '`') {
      escaped += "\\(ga";
    } else if (c == '^') {
      escaped += "\\(ha";
    } else if (c == '~') {
      escaped += "\\(ti";
    } else if (text.compare(i, 3, "…") == 0) {
      escaped += "...";
      i += 2;
    } else {
      escaped += c;
    }
  }
  return escaped;
}

std::string capitals(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

// Lines that begin with a blank keep their layout, others are filled as paragraphs.
void add_paragraphs(std::ostream& out, const std::string& text) {
  std::istringstream lines(text);
  bool is_literal = false;
  for (std::string line; std::getline(lines, line);) {
    const bool wants_literal = line.starts_with(' ');
    if (wants_literal != is_literal) out << (wants_literal ? ".PP\n.nf\n" : ".fi\n");
    is_literal = wants_literal;
    out << (line.empty() ? ".PP" : roff(line)) << '\n';
  }
  if (is_literal) out << ".fi\n";
}

void add_option(std::ostream& out, const HelpOption& option) {
  out << ".TP\n\\fB" << roff(option.name) << "\\fR";
  if (!option.value.empty()) out << " \\fI" << roff(option.value) << "\\fR";
  out << '\n' << roff(option.text);
  if (!option.fallback.empty()) out << " (default: " << roff(option.fallback) << ')';
  out << '\n';
}

void add_examples(std::ostream& out, const std::vector<Example>& examples) {
  for (const Example& example : examples) {
    out << ".TP\n.B " << roff(example.line) << '\n' << roff(example.what) << '\n';
  }
}

void add_command(std::ostream& out, const HelpPage& command) {
  out << ".SS " << roff(usage_line(command)) << '\n' << roff(command.about) << '\n';
  for (const HelpOption& argument : command.arguments) add_option(out, argument);
  for (const HelpGroup& group : command.groups) {
    for (const HelpOption& option : group.options) {
      if (!option.name.ends_with("--help")) add_option(out, option);
    }
  }
  if (!command.footer.empty()) {
    out << ".PP\n";
    add_paragraphs(out, command.footer);
  }
  add_examples(out, command.examples);
}

void add_sources(std::ostream& out, const std::string& name) {
  out << ".SH CONFIGURATION\nThe first of these that sets an option wins: a flag; for the options of the program\n"
         "itself, an environment variable, ZEBU_ and the name in capitals (ZEBU_LOG_LEVEL=debug); a TOML file whose\n"
         "keys are the long names. Without \\fB\\-\\-config\\fR the file is the first of those below that exists.\n"
         ".SH FILES\n.TP\n.I $XDG_CONFIG_HOME/zebu/"
      << name << ".toml\nor, where that variable is not set, \\(ti/.config/zebu/" << name << ".toml\n.TP\n.I /etc/zebu/"
      << name << ".toml\n";
}

}  // namespace

std::string manual_page(const HelpPage& page, const std::string& version) {
  const std::string name = page.program.starts_with("zebu-") ? page.program.substr(5) : page.program;
  const std::string first = page.about.substr(0, page.about.find('.'));
  std::ostringstream out;
  out << ".TH " << roff(capitals(page.program)) << " 1 \"\" \"Zebu " << version << "\" \"Zebu\"\n.nh\n.ad l\n"
      << ".SH NAME\n"
      << roff(page.program) << " \\- " << roff(first) << "\n.SH SYNOPSIS\n.B " << roff(usage_line(page))
      << "\n.SH DESCRIPTION\n";
  add_paragraphs(out, page.about);
  for (const HelpGroup& group : page.groups) {
    out << (&group == &page.groups.front() ? ".SH " : ".SS ")
        << (&group == &page.groups.front() ? "OPTIONS" : roff(group.heading)) << '\n';
    for (const HelpOption& option : group.options) add_option(out, option);
  }
  if (!page.commands.empty()) out << ".SH COMMANDS\n";
  for (const HelpPage& command : page.commands) add_command(out, command);
  add_sources(out, name);
  if (!page.footer.empty()) {
    out << ".SH NOTES\n";
    add_paragraphs(out, page.footer);
  }
  if (!page.examples.empty()) out << ".SH EXAMPLES\n";
  add_examples(out, page.examples);
  out << ".SH SEE ALSO\n";
  std::string others;
  for (const char* other : {"zebu-broker", "zebu-consumer", "zebu-producer", "zebu-webfront"}) {
    if (other == page.program) continue;
    others += (others.empty() ? "" : ",\n") + (".BR " + roff(other) + " (1)");
  }
  out << others << '\n';
  return out.str();
}

}  // namespace zebu::cli
