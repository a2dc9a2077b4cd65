#pragma once

#include <string_view>

// The values of header fields (RFC 9110, 5.6), taken apart.
namespace zebu::http {

// Names of fields, preferences and media types do not distinguish ASCII upper and lower case.
[[nodiscard]] bool is_same_name(std::string_view a, std::string_view b);

[[nodiscard]] constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
[[nodiscard]] constexpr bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// Without the spaces and tabs at both ends.
[[nodiscard]] std::string_view trim(std::string_view text);

// Removes and returns the text before the first `separator`, and removes the separator. All of `text` if it has none.
[[nodiscard]] std::string_view take(std::string_view& text, char separator);
// The same, but a separator between double quotes does not count.
[[nodiscard]] std::string_view take_unquoted(std::string_view& text, char separator);

// Whether a Content-Type names this media type; its parameters do not matter.
[[nodiscard]] bool is_media_type(std::string_view content_type, std::string_view media_type);

}  // namespace zebu::http
