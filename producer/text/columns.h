#pragma once

#include <cstddef>
#include <string>
#include <string_view>

// How many columns a text takes on a terminal, whatever the locale is.
namespace zebu::producer {

// Wide characters take two columns, marks that combine with the one before none, and so does what joins emoji.
[[nodiscard]] std::size_t width_of(std::string_view text);

// The text cut to at most `width` columns, between characters as a reader sees them. If it was cut, the last column is
// an ellipsis.
[[nodiscard]] std::string shortened(std::string_view text, std::size_t width);

}  // namespace zebu::producer
