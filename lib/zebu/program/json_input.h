#pragma once

#include "zebu/error.h"

#include <nlohmann/json_fwd.hpp>

#include <optional>
#include <string>
#include <string_view>

// JSON text from users, on its way to msgpack. A number with a fraction or an exponent stays a floating-point number,
// even if it is whole. The keys of an object come in order, and of equal ones the last counts.
namespace zebu {

// What is said of JSON that is refused.
struct JsonLimits {
  int max_depth;         // how deep it may nest
  const char* too_deep;  // the error if it nests deeper
  const char* place;     // the text that it is: "malformed JSON at byte 7 of PLACE"
};

// Converts JSON text in one pass, without a tree in between: the cost grows with the size of the text, and with its
// depth at most. Error bad_value if it is not JSON, nests too deep, or has a number that would change on its way, an
// integer beyond 64 bits.
[[nodiscard]] Result<std::string> msgpack_from_json(std::string_view text, const JsonLimits& limits);

// For those who need the tree:

// Why JSON text is refused although it may be well-formed: it nests deeper than `max_depth` (then `too_deep`), or holds
// a number that would change on its way, an integer beyond 64 bits. nullopt if there is no such reason, also if it is
// not JSON.
[[nodiscard]] std::optional<std::string> why_bad_json(std::string_view text, int max_depth, const char* too_deep);

// Recursive: the value must not nest deeper than the caller checked.
[[nodiscard]] std::string msgpack_of(const nlohmann::json& value);

}  // namespace zebu
