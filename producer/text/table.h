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
    int drops = 0;  // fitted(): the columns with the highest number go first; 0: it stays
  };

  explicit Table(std::vector<Column> columns);
  // Adds a row with one cell per column. The cells are made visible().
  void add(std::vector<std::string> cells);
  // The rows added since the last call, as lines without trailing spaces. The first call adds the headings. Columns
  // never become narrower.
  [[nodiscard]] std::string take();
  // The same as lines of at most `width` columns: the last column and the first become narrower, and columns go.
  [[nodiscard]] std::vector<std::string> fitted(std::size_t width);

 private:
  [[nodiscard]] std::size_t total() const;
  void drop(std::size_t column);
  void narrow(std::size_t column, std::size_t width);
  void measure();
  [[nodiscard]] std::string line_of(const std::vector<std::string>& row) const;

  std::vector<Column> columns_;
  std::vector<std::size_t> widths_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace zebu::producer
