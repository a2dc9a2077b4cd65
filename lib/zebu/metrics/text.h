#pragma once

#include "zebu/metrics/histogram.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace zebu::metrics {

// A metric: its row in a program's table, which docs/operations.md has as well. labels: their names, separated by
// blanks. help: one line, without backslashes.
struct Row {
  std::string_view name;
  std::string_view type;  // counter, gauge or histogram
  std::string_view labels;
  std::string_view help;
};

// Lines that a histogram makes for each combination of labels.
inline constexpr std::size_t kHistogramLines = Histogram::kBounds.size() + 3;

// Appends name="value" to labels; the value may be any text.
void append_label(std::string& labels, std::string_view name, std::string_view value);
// name="value"
[[nodiscard]] std::string label(std::string_view name, std::string_view value);

// Metrics as Prometheus reads them: its text format 0.0.4
// (prometheus.io/docs/instrumenting/exposition_formats).
class Text {
 public:
  // Begins a metric. Values that follow are its own.
  void begin(const Row& row);
  // labels: as append_label() writes them; may be empty.
  void add(std::string_view labels, std::uint64_t value);
  void add(std::string_view labels, double value);
  void add(std::string_view labels, const Histogram& histogram);

  // A metric without labels.
  template <class Value>
  void add(const Row& row, const Value& value) {
    begin(row);
    add(std::string_view(), value);
  }

  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  void name(std::string_view suffix, std::string_view labels, std::string_view le = {});
  void end(std::uint64_t value);
  void end(double value);

  std::string text_;
  std::string_view name_;
};

inline constexpr std::string_view kContentType = "text/plain; version=0.0.4; charset=utf-8";

}  // namespace zebu::metrics
