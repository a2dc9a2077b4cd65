#include "http/prefer.h"

#include "http/field.h"

#include <charconv>
#include <cstdint>
#include <limits>

namespace zebu::http {

std::optional<std::chrono::seconds> parse_seconds(std::string_view text) {
  std::uint32_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (text.empty() || error == std::errc::invalid_argument || end != text.data() + text.size()) return std::nullopt;
  if (error == std::errc::result_out_of_range) return std::chrono::seconds(std::numeric_limits<std::uint32_t>::max());
  return std::chrono::seconds(seconds);
}

std::optional<std::chrono::seconds> preferred_wait(std::string_view prefer) {
  while (!prefer.empty()) {
    std::string_view preference = take_unquoted(prefer, ',');
    std::string_view value = take_unquoted(preference, ';');  // parameters after ";" are ignored
    if (!is_same_name(trim(take_unquoted(value, '=')), "wait")) continue;
    value = trim(value);
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"') value = value.substr(1, value.size() - 2);
    return parse_seconds(value);
  }
  return std::nullopt;
}

}  // namespace zebu::http
