#include "zebu/progress.h"

#include "zebu/utf8.h"

#include <algorithm>
#include <cmath>

namespace zebu {

void append(Progress& to, std::optional<double> done, std::string_view note, std::string_view output) {
  if (done && !std::isnan(*done)) to.done = std::clamp(*done, 0.0, 1.0);
  if (!note.empty()) to.note = utf8_beginning(note, kMaxNote);
  if (output.empty()) return;
  to.output.append(utf8_end(output, kMaxOutput));
  to.output.erase(0, to.output.size() - utf8_end(to.output, kMaxOutput).size());
}

void mend(Progress& progress) {
  mend_utf8(progress.note);
  mend_utf8(progress.output);
  progress.note.resize(utf8_beginning(progress.note, kMaxNote).size());
  progress.output.erase(0, progress.output.size() - utf8_end(progress.output, kMaxOutput).size());
}

}  // namespace zebu
