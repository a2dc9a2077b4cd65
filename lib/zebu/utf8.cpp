#include "zebu/utf8.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace zebu {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";
constexpr std::size_t kMostContinuations = 3;

std::uint8_t byte_at(std::string_view text, std::size_t i) { return static_cast<std::uint8_t>(text[i]); }
bool is_continuation(char c) { return (static_cast<std::uint8_t>(c) & 0xc0U) == 0x80U; }

// What may follow a character's first byte. The second byte has narrower limits after some.
struct Lead {
  std::size_t size;  // of the whole character; 0: no character begins so
  std::uint8_t least = 0x80;
  std::uint8_t most = 0xbf;
};

Lead lead_of(std::uint8_t first) {
  if (first < 0x80) return {1};
  if (first < 0xc2) return {0};
  if (first < 0xe0) return {2};
  if (first == 0xe0) return {3, 0xa0, 0xbf};
  if (first == 0xed) return {3, 0x80, 0x9f};
  if (first < 0xf0) return {3};
  if (first == 0xf0) return {4, 0x90, 0xbf};
  if (first < 0xf4) return {4};
  if (first == 0xf4) return {4, 0x80, 0x8f};
  return {0};
}

// How many bytes at the beginning of `text` are ASCII, counted in steps of eight.
std::size_t ascii_words(std::string_view text) {
  std::size_t at = 0;
  for (; at + 8 <= text.size(); at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data() + at, sizeof word);
    if ((word & 0x8080'8080'8080'8080U) != 0) break;
  }
  return at;
}

// The length of the well-formed text at the beginning of `text`.
std::size_t well_formed(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    at += ascii_words(text.substr(at));
    if (at == text.size()) break;
    const Utf8Piece piece = utf8_piece(text.substr(at));
    if (!piece.character) break;
    at += piece.size;
  }
  return at;
}

}  // namespace

Utf8Piece utf8_piece(std::string_view text) {
  const std::uint8_t first = byte_at(text, 0);
  const Lead lead = lead_of(first);
  if (lead.size == 0) return {1, std::nullopt};
  if (lead.size == 1) return {1, first};
  char32_t character = first & (0xffU >> (lead.size + 1));
  for (std::size_t i = 1; i < lead.size; ++i) {
    const bool is_there = i < text.size() && is_continuation(text[i]);
    if (!is_there || (i == 1 && (byte_at(text, 1) < lead.least || byte_at(text, 1) > lead.most))) {
      return {i, std::nullopt};
    }
    character = character << 6U | (byte_at(text, i) & 0x3fU);
  }
  return {lead.size, character};
}

bool is_utf8(std::string_view text) { return well_formed(text) == text.size(); }

void mend_utf8(std::string& text) {
  if (!is_utf8(text)) text = mended_utf8(text);
}

std::string mended_utf8(std::string_view text) {
  std::string mended;
  while (!text.empty()) {
    const std::size_t good = well_formed(text);
    mended += text.substr(0, good);
    text.remove_prefix(good);
    if (text.empty()) break;
    mended += kReplacement;
    text.remove_prefix(utf8_piece(text).size);
  }
  return mended;
}

std::string_view utf8_beginning(std::string_view text, std::size_t size) {
  if (text.size() <= size) return text;
  // Ill-formed text may have any number of continuation bytes; a character has at most three.
  std::size_t end = size;
  while (end > 0 && size - end < kMostContinuations && is_continuation(text[end])) --end;
  return text.substr(0, end);
}

std::string_view utf8_end(std::string_view text, std::size_t size) {
  if (text.size() <= size) return text;
  const std::size_t from = text.size() - size;
  std::size_t begin = from;
  while (begin < text.size() && begin - from < kMostContinuations && is_continuation(text[begin])) ++begin;
  return text.substr(begin);
}

std::size_t unfinished_utf8(std::string_view text) {
  for (std::size_t size = std::min(kMostContinuations, text.size()); size > 0; --size) {
    const std::string_view end = text.substr(text.size() - size);
    const Utf8Piece piece = utf8_piece(end);
    if (!piece.character && piece.size == size && lead_of(byte_at(end, 0)).size > size) return size;
  }
  return 0;
}

}  // namespace zebu
