#pragma once

#include <nlohmann/json_fwd.hpp>

#include <optional>
#include <string>
#include <string_view>

// JSON text from users, on its way to msgpack.
namespace zebu {

// Why JSON text is refused although it may be well-formed: it nests deeper than `max_depth` (then `too_deep`), or holds
// a number that would change on its way, an integer beyond 64 bits. nullopt if there is no such reason, also if it is
// not JSON.
[[nodiscard]] std::optional<std::string> why_bad_json(std::string_view text, int max_depth, const char* too_deep);

// A number with a fraction or an exponent stays a floating-point number, even if it is whole. Recursive: the value must
// not nest deeper than the caller checked.
[[nodiscard]] std::string msgpack_of(const nlohmann::json& value);

}  // namespace zebu
