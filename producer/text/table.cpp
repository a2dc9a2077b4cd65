#include "producer/text/table.h"

#include "producer/text/readable.h"
#include "zebu/program/visible_text.h"

#include <algorithm>
#include <cassert>

namespace zebu::producer {

Table::Table(std::vector<Column> columns) : columns_(std::move(columns)), widths_(columns_.size(), 0) {
  std::vector<std::string> headings;
  for (const Column& column : columns_) headings.push_back(column.heading);
  rows_.push_back(std::move(headings));
}

void Table::add(std::vector<std::string> cells) {
  assert(cells.size() == columns_.size());
  for (std::string& cell : cells) cell = visible(cell, Lines::one);
  rows_.push_back(std::move(cells));
}

std::string Table::take() {
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) widths_[i] = std::max(widths_[i], width_of(row[i]));
  }
  std::string text;
  for (const auto& row : rows_) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string gap(widths_[i] - width_of(row[i]), ' ');
      line += columns_[i].align == Align::right ? gap + row[i] : row[i] + gap;
      line += "  ";
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + '\n';
  }
  rows_.clear();
  return text;
}

}  // namespace zebu::producer
