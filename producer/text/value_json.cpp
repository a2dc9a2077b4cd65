#include "producer/text/value_json.h"

namespace zebu::producer {

std::string plain_of(const TaskError& error) {
  std::string text = error.type + ": " + error.message;
  for (const std::string& frame : error.trace) text += "\n  at " + frame;
  if (error.cause() != nullptr) text += "\n  caused by " + plain_of(*error.cause());
  return text;
}

TaskError task_error_of(const Error& error) { return {std::string(to_string(error.code)), error.message, {}}; }

std::string outcome_fields(const Result<Outcome>& outcome) {
  if (!outcome) return R"("state":"failed","error":)" + json_of(task_error_of(outcome.error()));
  const std::string state = "\"state\":" + json_string(to_string(outcome->state));
  if (outcome->state == JobState::succeeded) return state + ",\"result\":" + json_of(outcome->result);
  if (outcome->state == JobState::failed) return state + ",\"error\":" + json_of(outcome->error);
  return state;
}

std::string known_fields(const Result<Outcome>& outcome) {
  if (outcome || outcome.error().code != ErrorCode::unknown_job) return outcome_fields(outcome);
  return R"("state":"unknown","error":)" + json_of(task_error_of(outcome.error()));
}

}  // namespace zebu::producer
