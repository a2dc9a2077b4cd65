#pragma once

#include "zebu/job.h"

#include <string_view>

namespace zebu {

// Adds a report to `to`. A note is cut to its first kMaxNote bytes, the output to its last kMaxOutput bytes, both
// between characters. `done` is clamped to 0 to 1.
void append(Progress& to, std::optional<double> done, std::string_view note, std::string_view output);

inline void append(Progress& to, const Progress& more) { append(to, more.done, more.note, more.output); }

// Makes the texts well-formed UTF-8. As in append(), they are cut to their limits.
void mend(Progress& progress);

[[nodiscard]] inline bool is_empty(const Progress& progress) {
  return !progress.done && progress.note.empty() && progress.output.empty();
}

}  // namespace zebu
