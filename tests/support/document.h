#pragma once

#include "tests/support/paths.h"

#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

// Tables out of our own documents, so that a test can compare them with the code.
namespace zebu::test {

inline std::string read_document(const std::string& path) {
  std::ifstream file(source(path));
  if (!file) throw std::runtime_error("cannot read " + path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

inline std::string trimmed(const std::string& text) {
  const auto first = text.find_first_not_of(" `");
  if (first == std::string::npos) return "";
  return text.substr(first, text.find_last_not_of(" `") - first + 1);
}

// The rows of the Markdown table whose header's first cell is `first_header`, header first, without the line of dashes;
// cells are trimmed of spaces and backticks.
// The table may be indented, as one below a point of a list is.
inline std::vector<std::vector<std::string>> table_rows(const std::string& path, const std::string& first_header) {
  std::vector<std::vector<std::string>> rows;
  std::istringstream text(read_document(path));
  std::string line;
  while (std::getline(text, line)) {
    line.erase(0, line.find_first_not_of(' '));
    if (line.rfind('|', 0) != 0) {
      if (!rows.empty()) break;
      continue;
    }
    std::vector<std::string> cells;
    std::istringstream row(line.substr(1));
    for (std::string cell; std::getline(row, cell, '|');) cells.push_back(trimmed(cell));
    if (rows.empty() && cells[0] != first_header) continue;
    if (!cells.empty() && cells[0].rfind("---", 0) == 0) continue;
    rows.push_back(cells);
  }
  return rows;
}

}  // namespace zebu::test
