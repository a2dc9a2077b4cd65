#include "zebu/program/cli_registry.h"
#include "zebu/program/option_text.h"

#include <CLI/CLI.hpp>

#include <cctype>

namespace zebu::cli {
namespace {

constexpr char kHidden = '\x01';

}  // namespace

std::string hidden(std::string word) {
  const std::size_t equals = word.starts_with("--") ? word.find('=') : std::string::npos;
  const std::size_t begin = equals == std::string::npos ? 0 : equals + 1;
  if (begin < word.size() && word[begin] == '[') word.insert(begin, 1, kHidden);
  return word;
}

std::string revealed(const std::string& word) { return word.substr(!word.empty() && word[0] == kHidden ? 1 : 0); }

std::string variable_of(const std::string& option) {
  std::string name = "ZEBU_";
  for (const char c : option.substr(option.starts_with("--") ? 2 : 0)) {
    name += c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return name;
}

Option Option::required() { return option_->required(), *this; }
Option Option::not_configurable() { return option_->configurable(false), *this; }
Option Option::excludes(Option other) { return option_->excludes(other.option_), *this; }
Option Option::needs(Option other) { return option_->needs(other.option_), *this; }
Option Option::separated_by(char letter) { return option_->delimiter(letter), traits_->separator = letter, *this; }
Option Option::one_value_each() { return option_->allow_extra_args(false), *this; }
Option Option::count(int min, int max) { return option_->expected(min, max), *this; }

Option Option::check(std::function<std::string(const std::string&)> why_bad) {
  return traits_->checks.push_back(std::move(why_bad)), *this;
}

Option Option::range(std::uint64_t min, std::uint64_t max) { return traits_->min = min, traits_->max = max, *this; }

Option Option::between(std::chrono::microseconds min, std::chrono::microseconds max) {
  return range(static_cast<std::uint64_t>(min.count()), static_cast<std::uint64_t>(max.count()));
}

Option Option::one_of(const std::vector<std::string>& words) {
  traits_->words = words;
  return check([words](const std::string& text) {
    std::string list;
    for (const std::string& word : words) {
      if (word == text) return std::string();
      list += (list.empty() ? "" : &word == &words.back() ? " or " : ", ") + word;
    }
    return "'" + text + "' is not " + list + did_you_mean(text, words);
  });
}

Option Option::shows_default() { return traits_->show ? default_text(traits_->show()) : *this; }
Option Option::default_text(const std::string& text) { return traits_->default_text = text, *this; }
Option Option::described_default(const std::string& text) { return traits_->described_default = text, *this; }
Option Option::type_name(const std::string& name) { return traits_->value_name = name, *this; }
Option Option::shown_as(const std::string& text) { return traits_->shown = text, *this; }
Option Option::completed_with(Completes what) { return traits_->completes = what, *this; }

}  // namespace zebu::cli
