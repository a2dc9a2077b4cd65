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

void Table::measure() {
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) widths_[i] = std::max(widths_[i], width_of(row[i]));
  }
}

std::string Table::line_of(const std::vector<std::string>& row) const {
  std::string line;
  for (std::size_t i = 0; i < row.size(); ++i) {
    const std::string gap(widths_[i] - std::min(widths_[i], width_of(row[i])), ' ');
    line += columns_[i].align == Align::right ? gap + row[i] : row[i] + gap;
    line += "  ";
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

std::string Table::take() {
  measure();
  std::string text;
  for (const auto& row : rows_) text += line_of(row) + '\n';
  rows_.clear();
  return text;
}

std::size_t Table::total() const {
  std::size_t columns = 0;
  for (const std::size_t width : widths_) columns += width + (columns > 0 ? 2 : 0);
  return columns;
}

void Table::drop(std::size_t column) {
  const auto at = static_cast<std::ptrdiff_t>(column);
  columns_.erase(columns_.begin() + at);
  widths_.erase(widths_.begin() + at);
  for (auto& row : rows_) row.erase(row.begin() + at);
}

void Table::narrow(std::size_t column, std::size_t width) {
  widths_[column] = width;
  for (auto& row : rows_) row[column] = shortened(row[column], width);
}

std::vector<std::string> Table::fitted(std::size_t width) {
  constexpr std::size_t kNarrowest = 8;
  measure();
  const auto narrow_to_fit = [&](std::size_t column) {
    if (total() <= width) return;
    const std::size_t others = total() - widths_[column];
    const std::size_t room = width > others ? width - others : 0;
    narrow(column, std::max(room, std::min(kNarrowest, widths_[column])));
  };
  narrow_to_fit(columns_.size() - 1);
  // A long name is shortened before columns go, but not below a third of the width.
  const std::size_t kept = std::min(widths_[0], std::max(kNarrowest, width / 3));
  while (total() - widths_[0] + kept > width) {
    const auto first = std::max_element(columns_.begin(), columns_.end(),
                                        [](const Column& a, const Column& b) { return a.drops < b.drops; });
    if (first->drops == 0) break;
    drop(static_cast<std::size_t>(first - columns_.begin()));
  }
  narrow_to_fit(0);
  std::vector<std::string> lines;
  for (const auto& row : rows_) lines.push_back(shortened(line_of(row), width));
  rows_.clear();
  return lines;
}

}  // namespace zebu::producer
