#pragma once

#include <map>
#include <string>
#include <string_view>

namespace zebu::broker {

// A name in quotes, for a message to users. Bytes that cannot be shown become '?'.
[[nodiscard]] std::string in_quotes(std::string_view name);
// The first names of a map, separated by commas.
[[nodiscard]] std::string list_of(const std::map<std::string, int, std::less<>>& names);

}  // namespace zebu::broker
