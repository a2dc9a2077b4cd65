#pragma once

#include "zebu/client.h"
#include "zebu/program/json_text.h"

#include <string>
#include <string_view>

// Outcomes as JSON text.
namespace zebu::producer {

using zebu::json_of;
using zebu::plain_of;

// The fields of an outcome, for use inside an object: "state":"succeeded","result":… | "state":"failed","error":{…} |
// "state":"cancelled". An Error becomes "failed", with the error's code as type.
[[nodiscard]] std::string outcome_fields(const Result<Outcome>& outcome);
// The same, except that a job that the broker does not know has the state "unknown", with the error.
[[nodiscard]] std::string known_fields(const Result<Outcome>& outcome);

// Several lines of text: "TYPE: MESSAGE" and the trace.
[[nodiscard]] std::string plain_of(const TaskError& error);
[[nodiscard]] TaskError task_error_of(const Error& error);

}  // namespace zebu::producer
