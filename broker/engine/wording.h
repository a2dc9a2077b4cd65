#pragma once

#include <map>
#include <string>
#include <string_view>

namespace zebu::broker {

// A name for a message to people; of one that is none, what cannot be shown becomes '?'.
[[nodiscard]] std::string in_quotes(std::string_view name);
// The first names of a map, with commas.
[[nodiscard]] std::string list_of(const std::map<std::string, int, std::less<>>& names);

}  // namespace zebu::broker
