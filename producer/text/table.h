#pragma once

#include <string>
#include <vector>

namespace zebu::producer {

// A text table: rows under headings, columns as wide as their widest cell, with two spaces between them.
class Table {
 public:
  enum class Align { left, right };
  struct Column {
    std::string heading;
    Align align = Align::left;
  };

  explicit Table(std::vector<Column> columns);
  // Adds a row with one cell per column. The cells are made visible().
  void add(std::vector<std::string> cells);
  // The rows added since the last call, as lines without trailing spaces. The first call adds the headings. Columns
  // never become narrower.
  [[nodiscard]] std::string take();

 private:
  std::vector<Column> columns_;
  std::vector<std::size_t> widths_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace zebu::producer
