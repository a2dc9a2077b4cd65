#include "http/field.h"

#include <algorithm>
#include <strings.h>

namespace zebu::http {
namespace {

// The text before `end`, which is removed with the separator that stands there.
std::string_view cut(std::string_view& text, std::size_t end) {
  const std::string_view piece = text.substr(0, end);
  text.remove_prefix(std::min(piece.size() + 1, text.size()));
  return piece;
}

}  // namespace

bool is_same_name(std::string_view a, std::string_view b) {
  return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t";
  text.remove_prefix(std::min(text.find_first_not_of(kSpace), text.size()));
  return text.substr(0, text.find_last_not_of(kSpace) + 1);
}

std::string_view take(std::string_view& text, char separator) { return cut(text, text.find(separator)); }

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
  return cut(text, std::min(end, text.size()));
}

bool is_media_type(std::string_view content_type, std::string_view media_type) {
  return is_same_name(content_type.substr(0, content_type.find_first_of("; \t")), media_type);
}

}  // namespace zebu::http
