#include "zebu/program/cli.h"

#include "zebu/program/cli_registry.h"
#include "zebu/program/option_text.h"

#include <CLI/CLI.hpp>

#include <limits>
#include <string_view>

namespace zebu::cli {
namespace {

void read_or_throw(const OptionTraits& traits, const auto& read, const std::string& name, const std::string& word) {
  const std::string text = revealed(word);
  for (const auto& check : traits.checks) {
    if (const std::string why = check(text); !why.empty()) throw CLI::ValidationError(name, why);
  }
  if (const std::string why = read(text, traits); !why.empty()) throw CLI::ValidationError(name, why);
}

// Stores what a parser makes of a text. Returns why the text is bad; empty if it is not.
template <class Value, class Parsed>
std::string store(Value& value, const Result<Parsed>& parsed) {
  if (!parsed) return parsed.error().message;
  if constexpr (std::is_arithmetic_v<Value>) {
    value = static_cast<Value>(*parsed);
  } else {
    value = *parsed;
  }
  return {};
}

template <class Value>
constexpr bool is_optional = false;
template <class Value>
constexpr bool is_optional<std::optional<Value>> = true;

// What --help shows of a variable: nothing of one that has no value.
template <class Value>
std::function<std::string()> shower(const Value& value, auto text_of) {
  if constexpr (is_optional<Value>) {
    return [&value, text_of] { return value ? text_of(*value) : std::string(); };
  } else {
    return [&value, text_of] { return text_of(value); };
  }
}

OptionTraits traits_of(Kind kind, const std::string& value_name, std::function<std::string()> show = nullptr) {
  OptionTraits traits;
  traits.kind = kind;
  traits.value_name = value_name;
  traits.show = std::move(show);
  return traits;
}

std::string why_outside(std::chrono::microseconds duration, const OptionTraits& traits) {
  const auto count = static_cast<std::uint64_t>(duration.count());
  if (count >= traits.min && count <= traits.max) return {};
  const auto bound = [](std::uint64_t of) { return duration_text(std::chrono::microseconds(of)); };
  const std::string most = traits.max == UINT64_MAX ? "" : ", at most " + bound(traits.max);
  return "it must be at least " + bound(traits.min) + most + ", not " + duration_text(duration);
}

std::string why_out_of_range(std::uint64_t size, const OptionTraits& traits) {
  if (size >= traits.min && size <= traits.max) return {};
  return "it must be a size from " + size_text(traits.min) + " to " + size_text(traits.max) + ", not " +
         size_text(size);
}

}  // namespace

Option Command::add(CLI::Option& option, OptionTraits traits) {
  OptionTraits& kept = registry_->options[&option] = std::move(traits);
  return {option, kept};
}

Option Command::add_value(const std::string& name, OptionTraits traits, TraitReader read, const std::string& help) {
  const auto kept = std::make_shared<OptionTraits*>();  // known once the option is there
  const auto set = [name, kept, read = std::move(read)](const std::string& text) {
    read_or_throw(**kept, read, name, text);
  };
  Option added = add(*app_->add_option_function<std::string>(name, set, help), std::move(traits));
  *kept = added.traits();
  return added;
}

Option Command::add_list(const std::string& name, OptionTraits traits, TraitReader read, const std::string& help) {
  traits.is_list = true;
  const auto kept = std::make_shared<OptionTraits*>();
  const auto set = [name, kept, read = std::move(read)](const std::vector<std::string>& texts) {
    for (const std::string& text : texts) read_or_throw(**kept, read, name, text);
  };
  Option added = add(*app_->add_option_function<std::vector<std::string>>(name, set, help), std::move(traits));
  *kept = added.traits();
  return added;
}

template <class Number>
Option Command::add_number(const std::string& name, Number& value, const std::string& help) {
  OptionTraits traits = traits_of(Kind::number, "COUNT", shower(value, [](auto of) { return std::to_string(of); }));
  if constexpr (!is_optional<Number>) traits.max = std::numeric_limits<Number>::max();
  return add_value(
      name, std::move(traits),
      [&value](const std::string& text, const OptionTraits& limits) {
        const auto parsed = parse_number(text, limits.min, limits.max);
        return store(value, parsed);
      },
      help);
}

template <class Duration>
Option Command::add_duration(const std::string& name, Duration& value, const std::string& help) {
  const auto text_of = [](auto of) { return duration_text(of); };
  return add_value(
             name, traits_of(Kind::duration, "DURATION", shower(value, text_of)),
             [&value](const std::string& text, const OptionTraits& limits) {
               const auto parsed = parse_microseconds(text);
               if (!parsed) return parsed.error().message;
               const std::string why = why_outside(*parsed, limits);
               if constexpr (std::is_same_v<Duration, std::chrono::microseconds>) {
                 return why.empty() ? store(value, parsed) : why;
               } else {
                 return why.empty() ? store(value, parse_duration(text)) : why;
               }
             },
             help)
      .shows_default();
}

template <class Size>
Option Command::add_size(const std::string& name, Size& value, const std::string& help) {
  return add_value(
             name, traits_of(Kind::size, "SIZE", shower(value, size_text)),
             [&value](const std::string& text, const OptionTraits& limits) {
               const auto parsed = parse_size(text);
               const std::string why = parsed ? why_out_of_range(*parsed, limits) : "";
               return why.empty() ? store(value, parsed) : why;
             },
             help)
      .shows_default();
}

Option Command::option(const std::string& name, std::string& value, const std::string& help) {
  return add_value(
      name, traits_of(Kind::text, "TEXT", [&value] { return value; }),
      [&value](const std::string& text, const OptionTraits&) { return value = text, std::string(); }, help);
}

Option Command::option(const std::string& name, std::optional<std::string>& value, const std::string& help) {
  return option(
      name, [&value](const std::string& text) { return value = text, std::string(); }, help);
}

Option Command::option(const std::string& name, std::vector<std::string>& value, const std::string& help) {
  // What is given replaces the default as a whole.
  const auto is_first = std::make_shared<bool>(true);
  const auto read = [&value, is_first](const std::string& text) {
    if (std::exchange(*is_first, false)) value.clear();
    value.push_back(text);
    return std::string();
  };
  return list(name, read, help);
}

Option Command::option(const std::string& name, std::uint8_t& value, const std::string& help) {
  return add_number(name, value, help);
}

Option Command::option(const std::string& name, std::uint32_t& value, const std::string& help) {
  return add_number(name, value, help);
}

Option Command::option(const std::string& name, std::uint64_t& value, const std::string& help) {
  return add_number(name, value, help);
}

Option Command::option(const std::string& name, std::optional<std::uint64_t>& value, const std::string& help) {
  return add_number(name, value, help);
}

Option Command::option(const std::string& name, double& value, const std::string& help) {
  return add_value(
      name, traits_of(Kind::real, "NUMBER", [&value] { return real_text(value); }),
      [&value](const std::string& text, const OptionTraits&) { return store(value, parse_real(text)); }, help);
}

Option Command::option(const std::string& name, Reader read, const std::string& help) {
  return add_value(
      name, traits_of(Kind::text, "TEXT"),
      [read = std::move(read)](const std::string& text, const OptionTraits&) { return read(text); }, help);
}

Option Command::list(const std::string& name, Reader read, const std::string& help) {
  return add_list(
      name, traits_of(Kind::text, "TEXT"),
      [read = std::move(read)](const std::string& text, const OptionTraits&) { return read(text); }, help);
}

Option Command::flag(const std::string& name, bool& value, const std::string& help) {
  return add(*app_->add_flag(name, value, help), traits_of(Kind::flag, ""));
}

Option Command::endpoint(const std::string& name, std::string& value, const std::string& help) {
  return option(name, value, help).check(why_no_endpoint).type_name("ENDPOINT").shows_default();
}

Option Command::duration(const std::string& name, std::chrono::milliseconds& value, const std::string& help) {
  return add_duration(name, value, help);
}

Option Command::duration(const std::string& name, std::chrono::microseconds& value, const std::string& help) {
  return add_duration(name, value, help);
}

Option Command::duration(const std::string& name, std::optional<std::chrono::milliseconds>& value,
                         const std::string& help) {
  return add_duration(name, value, help);
}

Option Command::size(const std::string& name, std::uint64_t& value, const std::string& help) {
  return add_size(name, value, help);
}

Option Command::size(const std::string& name, std::optional<std::uint64_t>& value, const std::string& help) {
  return add_size(name, value, help);
}

void Command::heading(const std::string& text) { app_->option_defaults()->group(text); }
void Command::footer(const std::string& text) { registry_->commands[app_].footer = text; }

void Command::example(const std::string& line, const std::string& what) {
  registry_->commands[app_].examples.push_back({line, what});
}

Command Command::subcommand(const std::string& name, const std::string& help) {
  app_->require_subcommand(0, 1);
  CLI::App* added = app_->add_subcommand(name, help)->fallthrough();
  // Not below the last heading of the program.
  added->option_defaults()->group("Options");
  added->get_help_ptr()->group("Options");
  return {*added, *registry_};
}

void Command::on_chosen(std::function<void()> action, Check check) {
  app_->callback([action = std::move(action), check = std::move(check)] {
    const auto error = check ? check() : std::nullopt;
    if (error) throw CLI::ValidationError(error->about, error->message);
    action();
  });
}

}  // namespace zebu::cli
