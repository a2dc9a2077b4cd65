#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

// Text from tasks, clients and consumers can hold any bytes. On the wire every msgpack str is well-formed UTF-8
// (Unicode 15, table 3-7), because strict readers drop a whole message for one bad byte.
namespace zebu {

// The beginning of a text: a character, or ill-formed bytes that count as one.
struct Utf8Piece {
  std::size_t size = 0;               // in bytes
  std::optional<char32_t> character;  // nullopt: the bytes are ill-formed
};
// `text` is not empty. Ill-formed bytes are taken as maximal subparts, the practice that Unicode recommends.
[[nodiscard]] Utf8Piece utf8_piece(std::string_view text);

[[nodiscard]] bool is_utf8(std::string_view text);

// Replaces ill-formed bytes by U+FFFD, which can make a text three times as long. Well-formed text stays as it is.
void mend_utf8(std::string& text);
[[nodiscard]] std::string mended_utf8(std::string_view text);

// The beginning and the end of a text: as much of it as fits into `size` bytes without cutting a character.
[[nodiscard]] std::string_view utf8_beginning(std::string_view text, std::size_t size);
[[nodiscard]] std::string_view utf8_end(std::string_view text, std::size_t size);

// How many bytes at the end of `text` are the beginning of a character: 0 to 3. More text may complete it.
[[nodiscard]] std::size_t unfinished_utf8(std::string_view text);

}  // namespace zebu
