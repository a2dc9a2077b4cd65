#pragma once

#include <zebu/client.h>

#include <string>
#include <string_view>

// msgpack values and outcomes as JSON text. Binary is {"$binary": base64}, an extension {"$extension": type, "$binary":
// base64}; a key that is no string becomes the string of its JSON; NaN and infinities are null; bytes of a string that
// are no UTF-8 become U+FFFD.
namespace zebu::producer {

[[nodiscard]] std::string json_string(std::string_view text);

// {"$binary": …} of all of it when `value` is not one msgpack value or is nested more than 128 deep.
[[nodiscard]] std::string json_of(Bytes value);
// The same for people: a string as it is.
[[nodiscard]] std::string plain_of(Bytes value);

// "state":"succeeded","result":… | "state":"failed","error":{…} | "state":"cancelled", to stand in an object. What
// never became an outcome is failed, with the error's code as type.
[[nodiscard]] std::string outcome_fields(const Result<Outcome>& outcome);

// {"type":…,"message":…,"trace":[…]}
[[nodiscard]] std::string json_of(const TaskError& error);

// Several lines for people: "TYPE: MESSAGE" and the trace.
[[nodiscard]] std::string plain_of(const TaskError& error);
[[nodiscard]] TaskError task_error_of(const Error& error);

}  // namespace zebu::producer
