#pragma once

#include "zebu/client_session.h"

#include <cstdint>
#include <string>
#include <string_view>

// JSON, and its conversion to and from msgpack, each in one pass. What they take is as large as clients and tasks make
// it: see Converter for where they run. Thread-safe.
namespace zebu::webfront::json {

// The deepest nesting that is accepted from clients: as deep as consumers of other languages can be expected to read.
inline constexpr int kMaxDepth = 64;

// Parses the job in a POST's body: {"task": …, "args": […], "queue": …, "transient": …, "options": {…}}. Fails with
// bad_value, and the message names the position or the key.
[[nodiscard]] Result<JobRequest> parse_job(std::string_view body);

// {"id", "state"} of a job that was just accepted.
[[nodiscard]] std::string accepted_body(const JobId& id, JobState state);
// {"id", "state", "result" | "error", "run_us"}.
[[nodiscard]] std::string outcome_body(const JobId& id, const Outcome& outcome);

// The job's resource, from the answer to the query "jobs" about one job. nullopt when the broker does not have the job.
// Fails with bad_value if the answer is not one, as the functions for other answers do.
struct JobStatus {
  std::string body;
  JobState state;
};
[[nodiscard]] Result<std::optional<JobStatus>> job_status(std::string_view answer);

// A page of a list, {"queues": […], "next": …}, from the answer to the query for it.
[[nodiscard]] Result<std::string> listing(std::string_view answer);
// How many consumers there are, from the answer to the query "broker".
[[nodiscard]] Result<std::uint64_t> consumer_count(std::string_view answer);

// A result as text: a string without quotes, anything else as JSON.
[[nodiscard]] std::string plain_text(std::string_view msgpack_value);
// {"id": …, "seconds": …}: the caller's id and the result of `factorials`.
[[nodiscard]] std::string slow_body(std::string_view id, std::string_view result);

}  // namespace zebu::webfront::json
