#include "producer/text/columns.h"

#include "zebu/utf8.h"

#include <algorithm>
#include <utf8proc.h>

namespace zebu::producer {
namespace {

constexpr std::string_view kEllipsis = "…";

// What a reader sees as one character: a letter with its marks, a flag, a family.
struct Cluster {
  std::size_t size = 0;     // in bytes
  std::size_t columns = 0;  // the widest of its code points; a selector of emoji makes it two
};

utf8proc_int32_t code_of(const Utf8Piece& piece) {
  return static_cast<utf8proc_int32_t>(piece.character.value_or(0xfffd));
}

// text: not empty.
Cluster next_cluster(std::string_view text) {
  constexpr utf8proc_int32_t kEmojiSelector = 0xfe0f;
  const auto is_plain = [&](std::size_t at) { return at >= text.size() || (text[at] >= ' ' && text[at] <= '~'); };
  if (is_plain(0) && is_plain(1)) return {1, 1};
  Cluster cluster;
  utf8proc_int32_t last = 0;
  utf8proc_int32_t state = 0;
  while (cluster.size < text.size()) {
    const Utf8Piece piece = utf8_piece(text.substr(cluster.size));
    const utf8proc_int32_t code = code_of(piece);
    if (cluster.size > 0 && utf8proc_grapheme_break_stateful(last, code, &state)) break;
    const auto columns = code == kEmojiSelector && cluster.columns > 0 ? 2 : utf8proc_charwidth(code);
    cluster.columns = std::max(cluster.columns, static_cast<std::size_t>(std::max(columns, 0)));
    cluster.size += piece.size;
    last = code;
  }
  return cluster;
}

}  // namespace

std::size_t width_of(std::string_view text) {
  std::size_t columns = 0;
  while (!text.empty()) {
    const Cluster cluster = next_cluster(text);
    columns += cluster.columns;
    text.remove_prefix(cluster.size);
  }
  return columns;
}

std::string shortened(std::string_view text, std::size_t width) {
  std::size_t columns = 0;
  std::size_t size = 0;
  std::size_t fitting = 0;  // bytes that leave a column for the ellipsis
  while (size < text.size() && columns <= width) {
    const Cluster cluster = next_cluster(text.substr(size));
    columns += cluster.columns;
    size += cluster.size;
    if (columns < width) fitting = size;
  }
  if (columns <= width) return std::string(text);
  return width == 0 ? std::string() : std::string(text.substr(0, fitting)).append(kEllipsis);
}

}  // namespace zebu::producer
