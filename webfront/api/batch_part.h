#pragma once

#include "webfront/gateway.h"
#include "zebu/job.h"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

// A batch is taken apart into parts, whose lines are submitted together.
namespace zebu::webfront {
struct Counts;
}

namespace zebu::webfront::api {

// Lines of a part, and about how many bytes they may have.
inline constexpr std::size_t kPartLines = 256;
inline constexpr std::size_t kPartBytes = 64U << 10;

// Some lines of a batch, and what became of each so far.
struct BatchPart {
  std::vector<Gateway::BatchJob> jobs;
  std::vector<bool> has_id;  // by job: the client has made its id, and may send it again
  // By line: its number, and the problem that it has, or its place among the jobs.
  struct Line {
    std::size_t number;
    std::string problem;
    std::size_t job = 0;
    JobState state = JobState::queued;
  };
  std::vector<Line> lines;
};

// Takes the next lines from the front of `rest`. At least one.
[[nodiscard]] std::string_view take_lines(std::string_view& rest);
// first: the number of the first line in `text`.
[[nodiscard]] BatchPart parse_part(std::string_view text, std::size_t first);

// {"line":3,"problem":{…}}. problem: a problem document.
void append_problem(std::string& body, std::size_t line, std::string_view problem);
// {"line":3,"id":"…": an object that is to be continued.
void append_id(std::string& body, std::size_t line, const JobId& id);
// A line for each of a part that was submitted, and is not waited for.
void append_lines(std::string& body, const BatchPart& part);
void count_lines(Counts& counts, const BatchPart& part);

}  // namespace zebu::webfront::api
