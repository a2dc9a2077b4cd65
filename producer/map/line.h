#pragma once

#include "producer/map/line_reader.h"
#include "zebu/client.h"

#include <optional>
#include <string>
#include <string_view>

// map's output lines: {"input":…,"state":…,…} of a job, {"input":…,"line":N,"state":"failed",…} of an input line that
// is none. "input" is the input line's text as it was, so that --resume finds it again. If you change them: kAboutMap
// in options.cpp, docs/operations.md, parse_output_line.
namespace zebu::producer {

// "input":35, or "input":"no JSON","line":7: what names an input line in the output.
[[nodiscard]] std::string input_field(const Line& line, bool is_job);

[[nodiscard]] std::string output_line(const Line& line, bool is_job, const Result<Outcome>& outcome);

struct OutputLine {
  std::string_view input_field;
  bool has_succeeded = false;
};
// Views into `text`; nothing when map has not written this.
[[nodiscard]] std::optional<OutputLine> parse_output_line(std::string_view text);
// Whether the begin of a line may be one of map's.
[[nodiscard]] bool may_begin_output_line(std::string_view begin);

}  // namespace zebu::producer
