#pragma once

#include "zebu/client_session.h"

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <string_view>

// JSON, and its way to and from msgpack. With problem.cpp the only place that knows nlohmann/json.
namespace zebu::webfront::json {

// What clients and tasks send nests at most this deep: the converters recurse.
inline constexpr int kMaxDepth = 64;

// The job in a POST's body: {"task": …, "args": […], "queue": …, "transient": …, "options": {…}}. An error is
// bad_value, and names the position or the key.
[[nodiscard]] Result<JobRequest> parse_job(std::string_view body);

// {"id", "state"}: what is known of a job that was just accepted.
[[nodiscard]] std::string accepted_body(const JobId& id, JobState state);
// {"id", "state", "result" | "error", "run_us"}.
[[nodiscard]] std::string outcome_body(const JobId& id, const Outcome& outcome);

// One element of the answer to the query "jobs" as the job's resource; nothing when the broker does not have the job.
struct JobStatus {
  std::string body;
  JobState state;
};
[[nodiscard]] Result<std::optional<JobStatus>> job_status(std::string_view answer);

// {"name": <the answer to a query>}, and how many elements it has.
struct Listing {
  std::string body;
  std::size_t count;
};
[[nodiscard]] Result<Listing> listing(std::string_view name, std::string_view answer);

// A result as text: a string as it is, anything else as JSON.
[[nodiscard]] std::string plain_text(std::string_view msgpack_value);
// {"id": …, "seconds": …}: what `factorials` returned, for the caller that it was done for.
[[nodiscard]] std::string slow_body(std::string_view id, std::string_view result);

[[nodiscard]] nlohmann::json error_object(const TaskError& error);
// Bytes that are not UTF-8 become U+FFFD.
[[nodiscard]] std::string to_text(const nlohmann::json& value);

}  // namespace zebu::webfront::json
