#pragma once

#include <string>
#include <vector>

namespace zebu::producer {

// Rows under headings, columns as wide as their widest cell, two spaces between them.
class Table {
 public:
  enum class Align { left, right };
  struct Column {
    std::string heading;
    Align align = Align::left;
  };

  explicit Table(std::vector<Column> columns);
  // As many cells as there are columns. Control characters are shown as '?'.
  void add(std::vector<std::string> cells);
  // What was added since the last time, as lines without trailing spaces; headings the first time only. Columns never
  // become narrower.
  [[nodiscard]] std::string take();

 private:
  std::vector<Column> columns_;
  std::vector<std::size_t> widths_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace zebu::producer
