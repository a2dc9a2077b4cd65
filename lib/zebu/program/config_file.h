#pragma once

#include "zebu/error.h"

#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

// Configuration files: TOML 1.0. Only config_file.cpp includes toml++.
namespace zebu::cli {

// A value of a file, and where it stands.
struct ConfigValue {
  enum class Type { string, integer, real, boolean, list, other };
  Type type = Type::other;
  std::string text;                     // of a string, number or boolean
  std::vector<ConfigValue> items = {};  // of a list
  std::uint32_t line = 0;
  std::uint32_t column = 0;
};

// "a list", "a string", …
[[nodiscard]] std::string type_text(ConfigValue::Type type);

// A key with its value. A key of a table, and a dotted one, has several parts.
struct ConfigEntry {
  std::vector<std::string> key;
  ConfigValue value;
};

// All entries of a file, in the order of their lines. `name` begins the error's text: "NAME:LINE:COLUMN: …".
[[nodiscard]] Result<std::vector<ConfigEntry>> read_toml(std::istream& input, const std::string& name);

// A string as TOML writes it, in quotes.
[[nodiscard]] std::string toml_string(const std::string& text);

}  // namespace zebu::cli
