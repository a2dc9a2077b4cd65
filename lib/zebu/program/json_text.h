#pragma once

#include "zebu/job.h"

#include <string>
#include <string_view>

// msgpack values as JSON text, the same over HTTP and in the CLI, written in one pass: the cost grows with the size of
// the value and of its text only. Binary becomes {"$binary": base64}, an extension
// {"$extension": type, "$binary": base64}. A map key that is not a string becomes the string of its JSON. NaN and
// infinities become null, and invalid UTF-8 in a string U+FFFD.
namespace zebu {

[[nodiscard]] std::string json_string(std::string_view text);
void append_json_string(std::string& to, std::string_view text);

// If `value` is not exactly one msgpack value, nests more than 128 deep, or has keys within keys more than 4 deep:
// {"$binary": …} of all its bytes.
[[nodiscard]] std::string json_of(Bytes value);
void append_json(std::string& to, Bytes value);
// As json_of, except that a string is not quoted or escaped.
[[nodiscard]] std::string plain_of(Bytes value);

// {"type":…,"message":…,"trace":[…]}, with "kind" if the error is not an ordinary failure, and with "retry_after_ms"
// and "cause", another such object, if it has them.
[[nodiscard]] std::string json_of(const TaskError& error);

}  // namespace zebu
