#include "zebu/progress.h"

#include <algorithm>
#include <cmath>

namespace zebu {
namespace {

// Whether a byte is a UTF-8 continuation byte.
bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

std::string_view beginning_of(std::string_view text, std::size_t size) {
  if (text.size() <= size) return text;
  while (size > 0 && is_continuation(text[size])) --size;
  return text.substr(0, size);
}

std::string_view end_of(std::string_view text, std::size_t size) {
  if (text.size() <= size) return text;
  std::size_t from = text.size() - size;
  while (from < text.size() && is_continuation(text[from])) ++from;
  return text.substr(from);
}

}  // namespace

void append(Progress& to, std::optional<double> done, std::string_view note, std::string_view output) {
  if (done && !std::isnan(*done)) to.done = std::clamp(*done, 0.0, 1.0);
  if (!note.empty()) to.note = beginning_of(note, kMaxNote);
  if (output.empty()) return;
  to.output.append(end_of(output, kMaxOutput));
  to.output.erase(0, to.output.size() - end_of(to.output, kMaxOutput).size());
}

}  // namespace zebu
