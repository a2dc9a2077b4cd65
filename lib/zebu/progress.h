#pragma once

#include "zebu/job.h"

#include <string_view>

namespace zebu {

// Adds what is new to what is there, within the limits: of a note its beginning is kept (kMaxNote), of the output its
// end (kMaxOutput), both cut between characters. `done` outside of 0 to 1 is moved to the nearest of the two.
void append(Progress& to, std::optional<double> done, std::string_view note, std::string_view output);

inline void append(Progress& to, const Progress& more) { append(to, more.done, more.note, more.output); }

[[nodiscard]] inline bool is_empty(const Progress& progress) {
  return !progress.done && progress.note.empty() && progress.output.empty();
}

}  // namespace zebu
