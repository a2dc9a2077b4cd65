#pragma once

#include "zebu/error.h"
#include "zebu/ids.h"

#include <string>
#include <string_view>

// A submission that may be repeated (draft-ietf-httpapi-idempotency-key-header-07): its key gives the job's id, and
// the broker accepts an id once. A header of the job says which body it was made of.
//
// If you change how a key becomes an id or a body its header: a request that is repeated over an upgrade runs twice, or
// is refused.
namespace zebu::webfront::api {

// The header that the job of a submission with a key has: body_mark() of the request's body.
inline constexpr std::string_view kBodyHeader = "zebu-body";

// The key in the value of Idempotency-Key: a string in quotes, or without them a word. 1 to 255 printable characters of
// ASCII. The error says what is wrong.
[[nodiscard]] Result<std::string> parse_key(std::string_view field);

// A key that is a UUIDv7 is the id. Any other is hashed to a UUIDv5: it names no time, so the job has a place of its
// own in lists, and costs the store a little more.
[[nodiscard]] JobId id_of_key(std::string_view key);

// Equal for equal bodies only.
[[nodiscard]] std::string body_mark(std::string_view body);

}  // namespace zebu::webfront::api
