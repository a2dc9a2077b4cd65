#pragma once

#include "zebu/client.h"
#include "zebu/program/json_text.h"

#include <string>
#include <string_view>

// Outcomes as JSON text.
namespace zebu::producer {

using zebu::json_of;
using zebu::plain_of;

// "state":"succeeded","result":… | "state":"failed","error":{…} | "state":"cancelled", to stand in an object. What
// never became an outcome is failed, with the error's code as type.
[[nodiscard]] std::string outcome_fields(const Result<Outcome>& outcome);
// The same of a job that was asked about: one that the broker does not know is "unknown", with the error.
[[nodiscard]] std::string known_fields(const Result<Outcome>& outcome);

// Several lines for people: "TYPE: MESSAGE" and the trace.
[[nodiscard]] std::string plain_of(const TaskError& error);
[[nodiscard]] TaskError task_error_of(const Error& error);

}  // namespace zebu::producer
