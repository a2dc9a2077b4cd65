#include "zebu/metrics/text.h"

#include "zebu/utf8.h"

#include <array>
#include <charconv>
#include <cmath>

namespace zebu::metrics {

void append_label(std::string& labels, std::string_view name, std::string_view value) {
  if (!labels.empty()) labels += ',';
  labels.append(name).append("=\"");
  for (const char c : is_utf8(value) ? value : std::string_view("?")) {
    switch (c) {
      case '\\':
        labels += "\\\\";
        break;
      case '"':
        labels += "\\\"";
        break;
      case '\n':
        labels += "\\n";
        break;
      default:
        labels += c;
    }
  }
  labels += '"';
}

std::string label(std::string_view name, std::string_view value) {
  std::string labels;
  append_label(labels, name, value);
  return labels;
}

void Text::begin(const Row& row) {
  name_ = row.name;
  text_.append("# HELP ").append(row.name).append(" ").append(row.help).append("\n");
  text_.append("# TYPE ").append(row.name).append(" ").append(row.type).append("\n");
}

void Text::name(std::string_view suffix, std::string_view labels, std::string_view le) {
  text_.append(name_).append(suffix);
  if (labels.empty() && le.empty()) return;
  text_ += '{';
  text_ += labels;
  if (!le.empty()) {
    if (!labels.empty()) text_ += ',';
    text_.append("le=\"").append(le).append("\"");
  }
  text_ += '}';
}

void Text::end(std::uint64_t value) {
  std::array<char, 24> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  text_ += ' ';
  text_.append(digits.data(), end);
  text_ += '\n';
}

void Text::end(double value) {
  if (std::isnan(value)) {
    text_ += " NaN\n";
  } else if (std::isinf(value)) {
    text_ += value > 0 ? " +Inf\n" : " -Inf\n";
  } else {
    std::array<char, 32> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
    text_ += ' ';
    text_.append(digits.data(), end);
    text_ += '\n';
  }
}

void Text::add(std::string_view labels, std::uint64_t value) {
  name({}, labels);
  end(value);
}

void Text::add(std::string_view labels, double value) {
  name({}, labels);
  end(value);
}

void Text::add(std::string_view labels, const Histogram& histogram) {
  std::uint64_t count = 0;
  for (std::size_t i = 0; i < Histogram::kBounds.size(); ++i) {
    count += histogram.counts()[i];
    name("_bucket", labels, Histogram::kBounds[i].seconds);
    end(count);
  }
  count += histogram.counts().back();
  name("_bucket", labels, "+Inf");
  end(count);
  name("_sum", labels);
  end(histogram.sum_seconds());
  name("_count", labels);
  end(count);
}

}  // namespace zebu::metrics
