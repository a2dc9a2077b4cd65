#pragma once

#include "producer/map/line_reader.h"
#include "zebu/client.h"

#include <optional>
#include <string>
#include <string_view>

// map's output lines: {"input":…,"state":…,…} for a job, {"input":…,"line":N,"state":"failed",…} for an input line that
// is not JSON. "input" is the unchanged text of the input line, so that --resume finds it again. If you change the
// format, also change kAboutMap in submit_options.cpp, docs/operations.md and parse_output_line.
namespace zebu::producer {

// The part of an output line that identifies its input line: "input":35, or "input":"no JSON","line":7.
[[nodiscard]] std::string input_field(const Line& line, bool is_job);

[[nodiscard]] std::string output_line(const Line& line, bool is_job, const Result<Outcome>& outcome);

struct OutputLine {
  std::string_view input_field;
  bool has_succeeded = false;
};
// The result is a view into `text`; nullopt if map did not write this line.
[[nodiscard]] std::optional<OutputLine> parse_output_line(std::string_view text);
// Whether map may have written a line that begins like this.
[[nodiscard]] bool may_begin_output_line(std::string_view begin);

}  // namespace zebu::producer
