#include "http/prefer.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <limits>
#include <strings.h>

namespace zebu::webfront {
namespace {

constexpr std::string_view kSpace = " \t";

std::string_view trim(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(kSpace), text.size()));
  return text.substr(0, text.find_last_not_of(kSpace) + 1);
}

// What comes before the first `separator` outside of quotes, which is taken away with it.
std::string_view take_unquoted(std::string_view& text, char separator) {
  bool quoted = false;
  std::size_t end = 0;
  for (; end < text.size() && (quoted || text[end] != separator); ++end) {
    if (text[end] == '\\' && quoted) {
      ++end;
    } else if (text[end] == '"') {
      quoted = !quoted;
    }
  }
  end = std::min(end, text.size());
  const std::string_view piece = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return piece;
}

}  // namespace

std::optional<std::chrono::seconds> parse_seconds(std::string_view text) {
  std::uint32_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (text.empty() || error == std::errc::invalid_argument || end != text.data() + text.size()) return std::nullopt;
  // More than the type holds is very long too.
  if (error == std::errc::result_out_of_range) return std::chrono::seconds(std::numeric_limits<std::uint32_t>::max());
  return std::chrono::seconds(seconds);
}

std::optional<std::chrono::seconds> preferred_wait(std::string_view prefer) {
  while (!prefer.empty()) {
    std::string_view preference = take_unquoted(prefer, ',');
    std::string_view value = take_unquoted(preference, ';');  // parameters behind ";" are not ours
    const std::string_view name = trim(take_unquoted(value, '='));
    if (name.size() != 4 || strncasecmp(name.data(), "wait", 4) != 0) continue;
    value = trim(value);
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"') value = value.substr(1, value.size() - 2);
    return parse_seconds(value);
  }
  return std::nullopt;
}

}  // namespace zebu::webfront
