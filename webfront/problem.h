#pragma once

#include "http/problem.h"
#include "zebu/error.h"
#include "zebu/job.h"

#include <span>

// The problems of the front end: those of every HTTP server, and those of jobs.
namespace zebu::webfront {

// If you add one: all_problems(), and the table in docs/http-api.md, which a test compares with it.
namespace problems {
using namespace http::problems;
using http::Problem;
inline constexpr Problem kBadJob{400, "bad_job", "The job is not valid"};
inline constexpr Problem kUnauthorized{401, "unauthorized", "A valid token is needed"};
inline constexpr Problem kForbidden{403, "forbidden", "The token does not have the right"};
inline constexpr Problem kUnknownJob{404, "unknown_job", "The job is unknown"};
inline constexpr Problem kUnknownQueue{404, "unknown_queue", "The queue is unknown"};
inline constexpr Problem kUnknownConsumer{404, "unknown_consumer", "The consumer is unknown"};
inline constexpr Problem kNotFailed{409, "not_failed", "The job cannot be retried"};
inline constexpr Problem kMediaType{415, "unsupported_media_type", "The body is not JSON"};
inline constexpr Problem kUnknownTask{422, "unknown_task", "No consumer of the queue knows the task"};
inline constexpr Problem kKeyReused{422, "key_reused", "The Idempotency-Key was used for another request"};
inline constexpr Problem kQueueFull{429, "queue_full", "The queue is full"};
inline constexpr Problem kJobFailed{500, "job_failed", "The job failed"};
inline constexpr Problem kJobCancelled{500, "job_cancelled", "The job was cancelled"};
inline constexpr Problem kBrokerAway{503, "broker_away", "The broker is unavailable"};
inline constexpr Problem kJobLost{503, "job_lost", "The broker no longer knows the job"};
inline constexpr Problem kNoConsumer{503, "no_consumer", "No consumer serves the queue"};
inline constexpr Problem kUnconfirmed{504, "unconfirmed", "The broker has not confirmed the request"};
inline constexpr Problem kJobExpired{504, "job_expired", "The job expired before it started"};
inline constexpr Problem kStoreFull{507, "store_full", "The broker's store has no room"};
}  // namespace problems

[[nodiscard]] std::span<const http::Problem> all_problems();

// An error of the broker, or of the connection to it. extension: as for problem_response.
[[nodiscard]] http::Response error_response(const Error& error, std::string_view extension = {});
// 503: the front end is stopping.
[[nodiscard]] http::Response stopping_response(std::string_view extension = {});
// An outcome other than success. The problem of a failed job has the job's error as its member `error`.
[[nodiscard]] http::Response outcome_response(const Outcome& outcome);

}  // namespace zebu::webfront
