#include "producer/map/line.h"

#include "producer/text/value_json.h"
#include "zebu/job.h"

#include <algorithm>

namespace zebu::producer {
namespace {

constexpr std::string_view kInput = "{\"input\":";
constexpr std::string_view kLine = ",\"line\":";
constexpr std::string_view kState = ",\"state\":\"";

// The end of the JSON value that begins at `at`, or npos. Assumes valid JSON: only strings and brackets are examined.
std::size_t end_of_value(std::string_view text, std::size_t at) {
  int depth = 0;
  bool in_string = false;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (in_string) {
      if (c == '\\') ++at;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      ++depth;
    } else if (depth == 0 && (c == ',' || c == '}')) {
      return at;
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return std::string_view::npos;
}

}  // namespace

std::string input_field(const Line& line, bool is_job) {
  std::string text = "\"input\":";
  if (is_job) return text += line.text;
  text += line.is_too_long ? "null" : json_string(line.text);
  return text += std::string(kLine) + std::to_string(line.number);
}

std::string output_line(const Line& line, bool is_job, const Result<Outcome>& outcome) {
  return '{' + input_field(line, is_job) + ',' + outcome_fields(outcome) + '}';
}

std::optional<OutputLine> parse_output_line(std::string_view text) {
  if (!text.starts_with(kInput) || !text.ends_with('}')) return std::nullopt;
  std::size_t end = end_of_value(text, kInput.size());
  if (end == std::string_view::npos || end == kInput.size()) return std::nullopt;
  if (text.substr(end).starts_with(kLine)) end = end_of_value(text, end + kLine.size());
  if (end == std::string_view::npos || !text.substr(end).starts_with(kState)) return std::nullopt;
  const std::size_t state = end + kState.size();
  const auto name = job_state_from(text.substr(state, text.find('"', state) - state));
  if (!name || !is_final(*name)) return std::nullopt;
  return OutputLine{text.substr(1, end - 1), *name == JobState::succeeded};
}

bool may_begin_output_line(std::string_view begin) {
  const std::size_t length = std::min(begin.size(), kInput.size());
  return begin.substr(0, length) == kInput.substr(0, length);
}

}  // namespace zebu::producer
