#include "zebu/program/visible_text.h"

#include "zebu/utf8.h"

#include <cstdint>

namespace zebu {
namespace {

constexpr char kDigits[] = "0123456789abcdef";

// Whether a character changes the direction of writing, of itself or of what follows.
bool is_direction(char32_t c) {
  return c == 0x061c || c == 0x200e || c == 0x200f || (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

bool is_shown_as_it_is(char32_t c, Lines lines) {
  if (c == '\n' || c == '\t') return lines == Lines::many;
  return c >= 0x20 && !(c >= 0x7f && c <= 0x9f) && !is_direction(c);
}

void add_byte(std::string& to, std::uint32_t byte) {
  to += "\\x";
  to += kDigits[byte >> 4U & 15U];
  to += kDigits[byte & 15U];
}

void add_escape(std::string& to, char32_t c) {
  if (c == '\n') {
    to += "\\n";
  } else if (c == '\t') {
    to += "\\t";
  } else if (c < 0x80) {
    add_byte(to, c);
  } else {
    to += "\\u";
    for (const unsigned shift : {12U, 8U, 4U, 0U}) to += kDigits[c >> shift & 15U];
  }
}

}  // namespace

std::string visible(std::string_view text, Lines lines) {
  std::string shown;
  shown.reserve(text.size());
  while (!text.empty()) {
    const Utf8Piece piece = utf8_piece(text);
    const std::string_view bytes = text.substr(0, piece.size);
    text.remove_prefix(piece.size);
    if (!piece.character) {
      for (const char byte : bytes) add_byte(shown, static_cast<std::uint8_t>(byte));
    } else if (is_shown_as_it_is(*piece.character, lines)) {
      shown += bytes;
    } else {
      add_escape(shown, *piece.character);
    }
  }
  return shown;
}

}  // namespace zebu
