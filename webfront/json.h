#pragma once

#include "zebu/client_session.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// JSON, and its conversion to and from msgpack, each in one pass. What they take is as large as clients and tasks make
// it: see Converter for where they run. Thread-safe.
namespace zebu::webfront::json {

// The deepest nesting that is accepted from clients: as deep as consumers of other languages can be expected to read.
inline constexpr int kMaxDepth = 64;

// Parses the job in a POST's body: {"task": …, "args": […], "queue": …, "transient": …, "options": {…}}. Fails with
// bad_value, and the message names the position or the key.
// id: where the job may have an "id", a UUIDv7, and where to put it.
[[nodiscard]] Result<JobRequest> parse_job(std::string_view body, std::optional<JobId>* id = nullptr);

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

// What readers of a job's events hear, from such an answer.
struct JobFacts {
  JobState state = JobState::queued;
  std::uint32_t attempt = 0;
  bool is_private = false;
  std::optional<Progress> progress = {};  // all that the broker has of it
  std::string outcome = {};               // of a final state: as outcome_body makes it
};
[[nodiscard]] Result<std::optional<JobFacts>> job_facts(const JobId& id, std::string_view answer);

// Only the state and the attempt of each job in such an answer, in their order.
struct JobGlance {
  JobState state;
  std::uint32_t attempt;
};
[[nodiscard]] Result<std::vector<std::optional<JobGlance>>> job_glances(std::string_view answer);

// The outcome of a private job as the broker shows it.
[[nodiscard]] Outcome without_secrets(const Outcome& outcome);

// A header of the job in such an answer; empty if it has none. nullopt when the broker does not have the job.
[[nodiscard]] std::optional<std::string> header_of_job(std::string_view answer, std::string_view name);

// An answer that is a map, as it is: a page of a list, {"queues": […], "next": …}, or counts, {"paused": 1}.
[[nodiscard]] Result<std::string> object(std::string_view answer);
// The first entry of the list `name` of a page; nullopt if it has none.
[[nodiscard]] Result<std::optional<std::string>> first_of_page(std::string_view answer, std::string_view name);

// Of the first queue of a page; all 0 if it has none.
struct QueueCounts {
  std::uint64_t queued = 0;
  std::uint64_t scheduled = 0;
  std::uint64_t running = 0;
  std::uint64_t consumers = 0;
};
[[nodiscard]] Result<QueueCounts> queue_counts(std::string_view answer);
// {"backlog", "queued", "scheduled", "running"}; the backlog is queued and running.
[[nodiscard]] std::string backlog_body(const QueueCounts& counts);

// The new job of the command "retry" about one job; nullopt if it has not retried it.
[[nodiscard]] Result<std::optional<JobId>> retried_job(std::string_view answer);
// {"id", "state", "retry_of"} of the new job.
[[nodiscard]] std::string retried_body(const JobId& fresh, const JobId& old);

// The members of a command's body, an object of strings that has no others than the `known` ones: of reason, state,
// queue and task. Fails with bad_value, and the message names the position or the member.
[[nodiscard]] Result<Params> parse_params(std::string_view body, std::span<const std::string_view> known);
// How many consumers there are, from the answer to the query "broker".
[[nodiscard]] Result<std::uint64_t> consumer_count(std::string_view answer);

// A result as text: a string without quotes, anything else as JSON.
[[nodiscard]] std::string plain_text(std::string_view msgpack_value);
// {"id": …, "seconds": …}: the caller's id and the result of `factorials`.
[[nodiscard]] std::string slow_body(std::string_view id, std::string_view result);

}  // namespace zebu::webfront::json
