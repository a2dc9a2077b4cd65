#pragma once

#include "zebu/job.h"

#include <string_view>

namespace zebu {

// Adds what comes next to `to`. A note is cut to its first kMaxNote bytes, the output to its last kMaxOutput bytes,
// both between characters; `offset` counts what is cut off. `done` is clamped to 0 to 1.
void append(Progress& to, std::optional<double> done, std::string_view note, std::string_view output);

// Adds a report of the same attempt by its numbers: output that `to` has already is left out, and output behind a gap
// replaces the earlier one. Of a report that is not newer, done and note are left out; without a number it is newer.
void append_at(Progress& to, std::uint64_t offset, std::uint64_t number, std::optional<double> done,
               std::string_view note, std::string_view output);
inline void append(Progress& to, const Progress& more) {
  append_at(to, more.offset, more.number, more.done, more.note, more.output);
}

// Makes the texts well-formed UTF-8. As in append(), they are cut to their limits.
void mend(Progress& progress);

[[nodiscard]] inline bool is_empty(const Progress& progress) {
  return !progress.done && progress.note.empty() && progress.output.empty();
}

}  // namespace zebu
