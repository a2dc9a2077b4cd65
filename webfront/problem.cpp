#include "webfront/problem.h"

#include "webfront/json.h"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace zebu::webfront {
namespace {

using namespace std::chrono_literals;

constexpr Problem kAll[] = {
    problems::kBadRequest,       problems::kBadJob,       problems::kNotFound,   problems::kUnknownJob,
    problems::kMethodNotAllowed, problems::kTimedOut,     problems::kTooLarge,   problems::kMediaType,
    problems::kExpectation,      problems::kUnknownTask,  problems::kQueueFull,  problems::kHeaderTooLarge,
    problems::kJobFailed,        problems::kJobCancelled, problems::kInternal,   problems::kBrokerAway,
    problems::kJobLost,          problems::kNoConsumer,   problems::kOverloaded, problems::kJobExpired,
    problems::kVersion,
};

nlohmann::json document(const Problem& problem, std::string_view detail) {
  nlohmann::json body;
  body["type"] = "urn:zebu:problem:" + std::string(problem.type);
  body["title"] = problem.title;
  body["status"] = problem.status;
  if (!detail.empty()) body["detail"] = detail;
  return body;
}

Response respond(const Problem& problem, const nlohmann::json& body) {
  return {problem.status, kProblem, json::to_text(body), {}};
}

}  // namespace

std::span<const Problem> all_problems() { return kAll; }

std::string retry_after(std::chrono::milliseconds delay) {
  const auto seconds = std::max<std::int64_t>(1, (delay.count() + 999) / 1000);
  return "Retry-After: " + std::to_string(seconds) + "\r\n";
}

Response problem_response(const Problem& problem, std::string_view detail) {
  return respond(problem, document(problem, detail));
}

Response error_response(const Error& error) {
  const auto with_retry = [&](const Problem& problem, std::chrono::milliseconds delay) {
    Response response = problem_response(problem, error.message);
    response.headers = retry_after(delay);
    return response;
  };
  switch (error.code) {
    case ErrorCode::bad_job:
    case ErrorCode::bad_message:
      return problem_response(problems::kBadJob, error.message);
    case ErrorCode::unknown_task:
      return problem_response(problems::kUnknownTask, error.message);
    case ErrorCode::no_consumer:
      return with_retry(problems::kNoConsumer, 2s);
    case ErrorCode::queue_full:
    case ErrorCode::too_many_queues:
    case ErrorCode::too_many_queries:
      return with_retry(problems::kQueueFull, error.retry_after);
    case ErrorCode::unknown_job:
      return with_retry(problems::kJobLost, 1s);
    case ErrorCode::disconnected:
    case ErrorCode::timed_out:
    case ErrorCode::closed:
    case ErrorCode::version:
    case ErrorCode::wrong_role:
    case ErrorCode::no_session:
    case ErrorCode::too_many_peers:
      return with_retry(problems::kBrokerAway, 1s);
    default:
      return problem_response(problems::kInternal, error.message);
  }
}

Response outcome_response(const Outcome& outcome) {
  if (outcome.state == JobState::expired) {
    return problem_response(problems::kJobExpired, "its time passed while it waited");
  }
  if (outcome.state != JobState::failed) return problem_response(problems::kJobCancelled, "somebody cancelled it");
  nlohmann::json body = document(problems::kJobFailed, outcome.error.message);
  body["error"] = json::error_object(outcome.error);
  return respond(problems::kJobFailed, body);
}

}  // namespace zebu::webfront
