#pragma once

#include <nlohmann/json.hpp>

#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace zebu::test {

// A program's output with --output json: each line is a value, and each line is whole.
inline std::vector<nlohmann::json> json_lines(const std::string& text) {
  if (!text.empty() && text.back() != '\n') throw std::runtime_error("the last line has no end: " + text);
  std::vector<nlohmann::json> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(nlohmann::json::parse(line));
  return lines;
}

}  // namespace zebu::test
