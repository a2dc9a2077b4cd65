#pragma once

#include <string>
#include <string_view>

namespace zebu {

enum class Lines { one, many };

// A text that comes from somebody else, for a terminal or a log. What could control a terminal or disguise the text is
// shown by escapes: control characters as \x1b or \u009b, marks that change the direction of writing as \u202e, bytes
// that are not UTF-8 as \xff. Lines::many keeps line breaks and tabs; Lines::one shows them as \n and \t.
[[nodiscard]] std::string visible(std::string_view text, Lines lines);

}  // namespace zebu
