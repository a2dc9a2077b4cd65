#include "webfront/api/batch.h"

#include "http/field.h"
#include "webfront/api/lookup.h"
#include "webfront/converter.h"
#include "webfront/gateway.h"
#include "webfront/json.h"
#include "webfront/metrics.h"
#include "webfront/problem.h"
#include "webfront/request_interrupt.h"

#include <algorithm>
#include <functional>
#include <string_view>
#include <vector>

namespace zebu::webfront::api {
// Some lines of a batch, and what became of each so far. Not in the namespace below: GCC counts the frames of
// coroutines that have it among what other files see.
struct BatchPart {
  std::vector<Gateway::BatchJob> jobs;
  // By line: its number, and the problem that it has, or its place among the jobs.
  struct Line {
    std::size_t number;
    std::string problem;
    std::size_t job = 0;
    JobState state = JobState::queued;
  };
  std::vector<Line> lines;
};

namespace {

// More of them would make a response that is too large: the client sends the rest in another request.
constexpr std::size_t kMaxLines = 10'000;
// Lines that are submitted together, and about how many bytes they may have.
constexpr std::size_t kPartLines = 256;
constexpr std::size_t kPartBytes = Converter::kInLoop;

bool is_blank(std::string_view line) { return http::trim(line).empty(); }

// Takes the next lines from the front of `rest`. At least one.
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

BatchPart parse(std::string_view text, std::size_t first) {
  BatchPart part;
  for (std::size_t number = first; !text.empty(); ++number) {
    std::string_view line = http::take(text, '\n');
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (is_blank(line)) continue;
    std::optional<JobId> id;
    auto job = json::parse_job(line, &id);
    if (job) {
      part.lines.push_back({number, {}, part.jobs.size(), state_when_accepted(job->options)});
      part.jobs.push_back({.id = id.value_or(Uuid::make()), .job = std::move(*job)});
    } else {
      part.lines.push_back({number, problem_response(problems::kBadRequest, job.error().message).body});
    }
  }
  return part;
}

// problem: a problem document.
void append_problem(std::string& body, std::size_t line, std::string_view problem) {
  body.append("{\"line\":").append(std::to_string(line)).append(",\"problem\":").append(problem).append("}\n");
}

std::uint64_t& count_of(Counts& counts, const BatchPart& part, const BatchPart::Line& line) {
  if (!line.problem.empty()) return counts.lines_refused;
  const Gateway::BatchJob& job = part.jobs[line.job];
  if (job.is_unconfirmed) return counts.lines_unconfirmed;
  if (job.why_not) return counts.lines_refused;
  return job.attached_to ? counts.lines_attached : counts.lines_accepted;
}

// {"line":3,"id":"…","state":"queued"}, {"line":3,"id":"…","attached":true}, {"line":3,"problem":{…}}, or with both an
// id and a problem: it is not known whether the broker has the job.
void append_line(std::string& body, const BatchPart& part, const BatchPart::Line& line) {
  if (!line.problem.empty()) return append_problem(body, line.number, line.problem);
  const Gateway::BatchJob& job = part.jobs[line.job];
  if (job.why_not && !job.is_unconfirmed) return append_problem(body, line.number, error_response(*job.why_not).body);
  body.append("{\"line\":").append(std::to_string(line.number));
  body.append(",\"id\":\"").append(job.attached_to.value_or(job.id).to_string()).append("\"");
  if (job.is_unconfirmed) {
    body.append(",\"problem\":").append(problem_response(problems::kUnconfirmed, job.why_not->message).body);
  } else if (job.attached_to) {
    body.append(",\"attached\":true");
  } else {
    body.append(",\"state\":\"").append(to_string(line.state)).append("\"");
  }
  body += "}\n";
}

Response too_many_lines() {
  return problem_response(problems::kTooLarge, "a batch has at most " + std::to_string(kMaxLines) +
                                                   " lines: send the rest in another request");
}

}  // namespace

Answer submit_batch(const Api& api, const Request& request) {
  if (request.idempotency_key) {
    co_return problem_response(problems::kBadRequest,
                               "Idempotency-Key is for one job: give each line an \"id\", a UUIDv7, instead");
  }
  std::string_view rest = request.body;
  if (static_cast<std::size_t>(std::count(rest.begin(), rest.end(), '\n')) > kMaxLines) co_return too_many_lines();
  ++api.counts.batches;
  RequestInterrupt interrupt(request);
  std::string body;
  for (std::size_t number = 1; !rest.empty();) {
    const std::string_view text = take_lines(rest);
    const std::size_t first = number;
    const std::function<BatchPart()> convert = [&] { return parse(text, first); };
    auto part = co_await api.converter.run(text.size(), convert);
    number += static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
    if (!part || interrupt.raised()) {
      // Of this line and of all that follow, which are not submitted.
      append_problem(body, first, (part ? stopping_response() : busy()).body);
      break;
    }
    co_await api.gateway.submit_all(part->jobs, interrupt);
    for (const BatchPart::Line& line : part->lines) {
      append_line(body, *part, line);
      ++count_of(api.counts, *part, line);
    }
  }
  co_return ok(http::kNdjson, std::move(body));
}

}  // namespace zebu::webfront::api
