#pragma once

#include "zebu/client_session.h"

#include <string>
#include <string_view>

// JSON, and its conversion to and from msgpack. The only place in the front end that uses nlohmann/json.
namespace zebu::webfront::json {

// The deepest nesting that is accepted from clients and tasks, since the converters recurse.
inline constexpr int kMaxDepth = 64;

// Parses the job in a POST's body: {"task": …, "args": […], "queue": …, "transient": …, "options": {…}}. Fails with
// bad_value, and the message names the position or the key.
[[nodiscard]] Result<JobRequest> parse_job(std::string_view body);

// {"id", "state"} of a job that was just accepted.
[[nodiscard]] std::string accepted_body(const JobId& id, JobState state);
// {"id", "state", "result" | "error", "run_us"}.
[[nodiscard]] std::string outcome_body(const JobId& id, const Outcome& outcome);

// The job's resource, from the answer to the query "jobs" about one job. nullopt when the broker does not have the job.
// Fails with bad_value if the answer is not one, as listing() does.
struct JobStatus {
  std::string body;
  JobState state;
};
[[nodiscard]] Result<std::optional<JobStatus>> job_status(std::string_view answer);

// {"name": [the answer to a query]}, and the number of its elements.
struct Listing {
  std::string body;
  std::size_t count;
};
[[nodiscard]] Result<Listing> listing(std::string_view name, std::string_view answer);

// A result as text: a string without quotes, anything else as JSON.
[[nodiscard]] std::string plain_text(std::string_view msgpack_value);
// {"id": …, "seconds": …}: the caller's id and the result of `factorials`.
[[nodiscard]] std::string slow_body(std::string_view id, std::string_view result);

}  // namespace zebu::webfront::json
