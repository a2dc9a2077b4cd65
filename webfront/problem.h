#pragma once

#include "http/message.h"
#include "zebu/error.h"
#include "zebu/job.h"

#include <string>
#include <string_view>

// Problem documents (RFC 9457). Their types are "urn:zebu:problem:" and a word of docs/http-api.md's table.
namespace zebu::webfront {

struct Problem {
  unsigned status;
  std::string_view type;
  std::string_view title;
};

// If you add one: docs/http-api.md's table, which a test compares with all_problems().
namespace problems {
inline constexpr Problem kBadRequest{400, "bad_request", "The request is malformed"};
inline constexpr Problem kBadJob{400, "bad_job", "The job is not valid"};
inline constexpr Problem kNotFound{404, "not_found", "There is nothing at this path"};
inline constexpr Problem kUnknownJob{404, "unknown_job", "There is no such job"};
inline constexpr Problem kMethodNotAllowed{405, "method_not_allowed", "The method does not fit the path"};
inline constexpr Problem kTimedOut{408, "request_timed_out", "The request did not come in time"};
inline constexpr Problem kTooLarge{413, "too_large", "The body is too large"};
inline constexpr Problem kMediaType{415, "unsupported_media_type", "The body is not JSON"};
inline constexpr Problem kExpectation{417, "expectation_failed", "The expectation is unknown"};
inline constexpr Problem kUnknownTask{422, "unknown_task", "No consumer of the queue knows the task"};
inline constexpr Problem kQueueFull{429, "queue_full", "The queue is full"};
inline constexpr Problem kHeaderTooLarge{431, "header_too_large", "The headers are too large"};
inline constexpr Problem kJobFailed{500, "job_failed", "The job failed"};
inline constexpr Problem kJobCancelled{500, "job_cancelled", "The job was cancelled"};
inline constexpr Problem kInternal{500, "internal", "The server made a mistake"};
inline constexpr Problem kBrokerAway{503, "broker_away", "The broker is away"};
inline constexpr Problem kJobLost{503, "job_lost", "The broker no longer knows the job"};
inline constexpr Problem kNoConsumer{503, "no_consumer", "No consumer serves the queue"};
inline constexpr Problem kOverloaded{503, "overloaded", "The server has too many connections"};
inline constexpr Problem kJobExpired{504, "job_expired", "The job expired before it started"};
inline constexpr Problem kVersion{505, "http_version", "The HTTP version is not 1.x"};
}  // namespace problems

[[nodiscard]] std::span<const Problem> all_problems();

[[nodiscard]] Response problem_response(const Problem& problem, std::string_view detail);
// What the broker, or the way to it, refused.
[[nodiscard]] Response error_response(const Error& error);
// An outcome that is no success: its error's type, message and trace are the problem's member `error`.
[[nodiscard]] Response outcome_response(const Outcome& outcome);

// "Retry-After: 2\r\n": whole seconds, rounded up, at least 1.
[[nodiscard]] std::string retry_after(std::chrono::milliseconds delay);

}  // namespace zebu::webfront
