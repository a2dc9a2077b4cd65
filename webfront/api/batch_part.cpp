#include "webfront/api/batch_part.h"

#include "http/field.h"
#include "webfront/api/lookup.h"
#include "webfront/converter.h"
#include "webfront/json.h"
#include "webfront/metrics.h"
#include "webfront/problem.h"

namespace zebu::webfront::api {

static_assert(kPartBytes <= Converter::kInLoop);

namespace {

bool is_blank(std::string_view line) { return http::trim(line).empty(); }

std::uint64_t& count_of(Counts& counts, const BatchPart& part, const BatchPart::Line& line) {
  if (!line.problem.empty()) return counts.lines_refused;
  const Gateway::BatchJob& job = part.jobs[line.job];
  if (job.is_unconfirmed) return counts.lines_unconfirmed;
  if (job.why_not) return counts.lines_refused;
  return job.attached_to ? counts.lines_attached : counts.lines_accepted;
}

}  // namespace

std::string_view take_lines(std::string_view& rest) {
  const std::string_view all = rest;
  for (std::size_t lines = 0; lines < kPartLines && !rest.empty(); ++lines) {
    const std::string_view before = rest;
    static_cast<void>(http::take(rest, '\n'));
    const std::size_t taken = all.size() - rest.size();
    if (taken > kPartBytes && lines > 0) {
      rest = before;
      break;
    }
  }
  return all.substr(0, all.size() - rest.size());
}

BatchPart parse_part(std::string_view text, std::size_t first) {
  BatchPart part;
  for (std::size_t number = first; !text.empty(); ++number) {
    std::string_view line = http::take(text, '\n');
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (is_blank(line)) continue;
    std::optional<JobId> id;
    auto job = json::parse_job(line, &id);
    if (job) {
      part.lines.push_back({number, {}, part.jobs.size(), state_when_accepted(job->options)});
      part.has_id.push_back(id.has_value());
      part.jobs.push_back({.id = id.value_or(Uuid::make()), .job = std::move(*job)});
    } else {
      part.lines.push_back({number, problem_response(problems::kBadRequest, job.error().message).body});
    }
  }
  return part;
}

void append_problem(std::string& body, std::size_t line, std::string_view problem) {
  body.append("{\"line\":").append(std::to_string(line)).append(",\"problem\":").append(problem).append("}\n");
}

void append_id(std::string& body, std::size_t line, const JobId& id) {
  body.append("{\"line\":").append(std::to_string(line));
  body.append(",\"id\":\"").append(id.to_string()).append("\"");
}

namespace {

// {"line":3,"id":"…","state":"queued"}, {"line":3,"id":"…","attached":true}, {"line":3,"problem":{…}}, or with both an
// id and a problem: it is not known whether the broker has the job.
void append_line(std::string& body, const BatchPart& part, const BatchPart::Line& line) {
  if (!line.problem.empty()) return append_problem(body, line.number, line.problem);
  const Gateway::BatchJob& job = part.jobs[line.job];
  if (job.why_not && !job.is_unconfirmed) return append_problem(body, line.number, error_response(*job.why_not).body);
  append_id(body, line.number, job.attached_to.value_or(job.id));
  if (job.is_unconfirmed) {
    body.append(",\"problem\":").append(problem_response(problems::kUnconfirmed, job.why_not->message).body);
  } else if (job.attached_to) {
    body.append(",\"attached\":true");
  } else {
    body.append(",\"state\":\"").append(to_string(line.state)).append("\"");
  }
  body += "}\n";
}

}  // namespace

void append_lines(std::string& body, const BatchPart& part) {
  for (const BatchPart::Line& line : part.lines) append_line(body, part, line);
}

void count_lines(Counts& counts, const BatchPart& part) {
  for (const BatchPart::Line& line : part.lines) ++count_of(counts, part, line);
}

}  // namespace zebu::webfront::api
