#include "zebu/program/config_file.h"

#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

#include <algorithm>
#include <sstream>
#include <string_view>
#include <utility>

namespace zebu::cli {
namespace {

using Type = ConfigValue::Type;

std::string number_text(double number) {
  std::ostringstream out;
  out.precision(17);
  out << number;
  return out.str();
}

ConfigValue value_of(const toml::node& node) {
  ConfigValue value;
  value.line = node.source().begin.line;
  value.column = node.source().begin.column;
  if (const auto* text = node.as_string()) {
    value.type = Type::string;
    value.text = text->get();
  } else if (const auto* integer = node.as_integer()) {
    value.type = Type::integer;
    value.text = std::to_string(integer->get());
  } else if (const auto* real = node.as_floating_point()) {
    value.type = Type::real;
    value.text = number_text(real->get());
  } else if (const auto* boolean = node.as_boolean()) {
    value.type = Type::boolean;
    value.text = boolean->get() ? "true" : "false";
  } else if (const auto* list = node.as_array()) {
    value.type = Type::list;
    for (const toml::node& item : *list) value.items.push_back(value_of(item));
  }
  return value;
}

void add_entries(const toml::table& table, std::vector<std::string>& key, std::vector<ConfigEntry>& to) {
  for (const auto& [name, node] : table) {
    key.emplace_back(name.str());
    if (const toml::table* inner = node.as_table()) {
      add_entries(*inner, key, to);
    } else {
      to.push_back({key, value_of(node)});
    }
    key.pop_back();
  }
}

}  // namespace

std::string type_text(ConfigValue::Type type) {
  switch (type) {
    case Type::string:
      return "a string";
    case Type::integer:
      return "a whole number";
    case Type::real:
      return "a number with a fraction";
    case Type::boolean:
      return "true or false";
    case Type::list:
      return "a list";
    case Type::other:
      break;
  }
  return "a date or time";
}

Result<std::vector<ConfigEntry>> read_toml(std::istream& input, const std::string& name) {
  try {
    const toml::table table = toml::parse(input, std::string_view(name));
    std::vector<ConfigEntry> entries;
    std::vector<std::string> key;
    add_entries(table, key, entries);
    // The library sorts keys by name. Errors are told from the top of the file.
    std::stable_sort(entries.begin(), entries.end(), [](const ConfigEntry& a, const ConfigEntry& b) {
      return std::pair(a.value.line, a.value.column) < std::pair(b.value.line, b.value.column);
    });
    return entries;
  } catch (const toml::parse_error& error) {
    const auto& at = error.source().begin;
    return fail(ErrorCode::bad_value, name + ":" + std::to_string(at.line) + ":" + std::to_string(at.column) + ": " +
                                          std::string(error.description()));
  }
}

std::string toml_string(const std::string& text) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string quoted = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      quoted += "\\u00";
      quoted += kDigits[byte >> 4U];
      quoted += kDigits[byte & 15U];
    } else {
      quoted += c;
    }
  }
  return quoted + '"';
}

}  // namespace zebu::cli
