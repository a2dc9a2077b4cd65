#pragma once

#include <charconv>
#include <cstdint>
#include <map>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>

// Metrics as Prometheus reads them (text format 0.0.4).
namespace zebu::test {

// Values by series, as they are written: `zebu_queue_jobs{queue="a",state="queued"}`. Throws at what Prometheus would
// refuse, and at histograms whose buckets do not add up.
class Metrics {
 public:
  explicit Metrics(const std::string& text) {
    if (text.empty() || text.back() != '\n') throw std::runtime_error("the text does not end with a line feed");
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) take(line);
    check_histograms();
  }

  // 0 where there is none: a count begins with its first event.
  [[nodiscard]] double operator[](const std::string& series) const {
    const auto found = values_.find(series);
    return found == values_.end() ? 0 : found->second;
  }
  [[nodiscard]] bool has(const std::string& series) const { return values_.contains(series); }
  // By metric.
  [[nodiscard]] const std::map<std::string, std::string>& types() const { return types_; }
  [[nodiscard]] std::size_t series_of(const std::string& metric) const { return counts_.at(metric); }
  [[nodiscard]] const std::map<std::string, double>& values() const { return values_; }

 private:
  void take(const std::string& line) {
    const auto bad = [&](const std::string& why) { throw std::runtime_error(why + ": " + line); };
    if (line.starts_with("# HELP ")) return;
    if (line.starts_with("# TYPE ")) {
      std::istringstream words(line.substr(7));
      std::string type;
      words >> metric_ >> type;
      if (!types_.emplace(metric_, type).second) bad("a metric stands there twice");
      counts_[metric_] = 0;
      return;
    }
    const std::size_t end = end_of_name(line);
    const std::string series = line.substr(0, end);
    const std::string name = series.substr(0, series.find('{'));
    const bool is_part = types_[metric_] == "histogram" &&
                         (name == metric_ + "_bucket" || name == metric_ + "_sum" || name == metric_ + "_count");
    if (name != metric_ && !is_part) bad("a series stands behind another metric's");
    double value = 0;
    const char* const last = line.data() + line.size();
    if (end >= line.size() || line[end] != ' ') bad("no value");
    const auto [read, error] = std::from_chars(line.data() + end + 1, last, value);
    if (error != std::errc() || read != last) bad("not a number");
    if (!values_.emplace(series, value).second) bad("a series stands there twice");
    ++counts_[metric_];
    if (name == metric_ + "_bucket") add_bucket(series, value);
  }

  // Behind the labels, whose values may contain anything between quotes.
  static std::size_t end_of_name(const std::string& line) {
    bool in_quotes = false;
    for (std::size_t i = 0; i < line.size(); ++i) {
      if (in_quotes && line[i] == '\\') {
        ++i;
      } else if (line[i] == '"') {
        in_quotes = !in_quotes;
      } else if (line[i] == ' ' && !in_quotes) {
        return i;
      }
    }
    return line.size();
  }

  void add_bucket(const std::string& series, double value) {
    const std::size_t le = series.rfind("le=\"");
    std::string of = series.substr(0, le);
    double& last = buckets_[of];
    if (value < last) throw std::runtime_error("a bucket has less than the one before: " + series);
    last = value;
    if (series.substr(le) == "le=\"+Inf\"}") complete_.insert(of);
  }

  void check_histograms() const {
    for (const auto& [of, last] : buckets_) {
      if (!complete_.contains(of)) throw std::runtime_error("a histogram ends before +Inf: " + of);
      std::string count = of;
      count.replace(count.find("_bucket{"), 8, "_count{");
      if (count.back() == ',' || count.back() == '{') count.pop_back();
      if (count.find('{') != std::string::npos) count += '}';
      if ((*this)[count] != last) throw std::runtime_error("a histogram's count is not that of its buckets: " + count);
    }
  }

  std::string metric_;
  std::map<std::string, std::string> types_;
  std::map<std::string, std::size_t> counts_;
  std::map<std::string, double> values_;
  std::map<std::string, double> buckets_;
  std::set<std::string> complete_;
};

}  // namespace zebu::test
