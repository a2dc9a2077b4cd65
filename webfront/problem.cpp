#include "webfront/problem.h"

#include "zebu/program/json_text.h"

namespace zebu::webfront {
namespace {

using namespace std::chrono_literals;

constexpr http::Problem kAll[] = {
    problems::kBadRequest,      problems::kBadJob,           problems::kUnauthorized, problems::kForbidden,
    problems::kCrossSite,       problems::kNotFound,         problems::kUnknownJob,   problems::kUnknownQueue,
    problems::kUnknownConsumer, problems::kMethodNotAllowed, problems::kTimedOut,     problems::kNotFailed,
    problems::kTooLarge,        problems::kMediaType,        problems::kExpectation,  problems::kMisdirected,
    problems::kUnknownTask,     problems::kKeyReused,        problems::kQueueFull,    problems::kHeaderTooLarge,
    problems::kJobFailed,       problems::kJobCancelled,     problems::kInternal,     problems::kNotImplemented,
    problems::kBrokerAway,      problems::kJobLost,          problems::kNoConsumer,   problems::kOverloaded,
    problems::kStopping,        problems::kUnconfirmed,      problems::kJobExpired,   problems::kVersion,
    problems::kStoreFull,
};

}  // namespace

std::span<const http::Problem> all_problems() { return kAll; }

http::Response stopping_response(std::string_view extension) {
  http::Response response = problem_response(problems::kStopping, "try again: another one may serve you", extension);
  response.headers = http::retry_after(1s);
  return response;
}

http::Response error_response(const Error& error, std::string_view extension) {
  const auto with_retry = [&](const http::Problem& problem, std::chrono::milliseconds delay) {
    http::Response response = problem_response(problem, error.message, extension);
    response.headers = http::retry_after(delay);
    return response;
  };
  switch (error.code) {
    case ErrorCode::bad_job:
    case ErrorCode::bad_message:
      return problem_response(problems::kBadJob, error.message);
    case ErrorCode::bad_request:
      return problem_response(problems::kBadRequest, error.message);
    case ErrorCode::too_large:
      return problem_response(problems::kTooLarge, error.message);
    case ErrorCode::unknown_task:
      return problem_response(problems::kUnknownTask, error.message);
    case ErrorCode::unknown_queue:
      return problem_response(problems::kUnknownQueue, error.message);
    case ErrorCode::unknown_consumer:
      return problem_response(problems::kUnknownConsumer, error.message);
    case ErrorCode::no_consumer:
      return with_retry(problems::kNoConsumer, 2s);
    case ErrorCode::queue_full:
    case ErrorCode::too_many_queues:
    case ErrorCode::too_many_queries:
      return with_retry(problems::kQueueFull, error.retry_after);
    case ErrorCode::store_full:
      return with_retry(problems::kStoreFull, error.retry_after);
    case ErrorCode::unknown_job:
      return with_retry(problems::kJobLost, 1s);
    case ErrorCode::disconnected:
    case ErrorCode::client_full:
    case ErrorCode::timed_out:
    case ErrorCode::closed:
    case ErrorCode::version:
    case ErrorCode::replaced:
    case ErrorCode::moved:
    case ErrorCode::wrong_role:
    case ErrorCode::no_session:
    case ErrorCode::too_many_peers:
      return with_retry(problems::kBrokerAway, 1s);
    default:
      return problem_response(problems::kInternal, error.message);
  }
}

http::Response outcome_response(const Outcome& outcome) {
  if (outcome.state == JobState::expired) {
    return problem_response(problems::kJobExpired, "it did not start before its expiry time");
  }
  if (outcome.state != JobState::failed) {
    return problem_response(problems::kJobCancelled, "it was cancelled while the request waited for it");
  }
  return problem_response(problems::kJobFailed, outcome.error.message, "\"error\":" + json_of(outcome.error));
}

}  // namespace zebu::webfront
