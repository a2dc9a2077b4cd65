#pragma once

#include "zebu/job.h"

#include <string>
#include <string_view>

// msgpack values as JSON text, the same over HTTP and in the CLI. Binary is {"$binary": base64}, an extension
// {"$extension": type, "$binary": base64}; a key that is no string becomes the string of its JSON; NaN and infinities
// are null; bytes of a string that are no UTF-8 become U+FFFD.
namespace zebu {

[[nodiscard]] std::string json_string(std::string_view text);

// {"$binary": …} of all of it when `value` is not one msgpack value or is nested more than 128 deep.
[[nodiscard]] std::string json_of(Bytes value);
// The same for people: a string as it is.
[[nodiscard]] std::string plain_of(Bytes value);

// {"type":…,"message":…,"trace":[…]}, and "kind" if the error is not an ordinary failure.
[[nodiscard]] std::string json_of(const TaskError& error);

}  // namespace zebu
