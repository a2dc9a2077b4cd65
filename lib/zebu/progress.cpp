#include "zebu/progress.h"

#include "zebu/utf8.h"

#include <algorithm>
#include <cmath>

namespace zebu {
namespace {

void add_news(Progress& to, std::optional<double> done, std::string_view note) {
  if (done && !std::isnan(*done)) to.done = std::clamp(*done, 0.0, 1.0);
  if (!note.empty()) to.note = utf8_beginning(note, kMaxNote);
}

void cut_output(Progress& progress) {
  const std::size_t cut = progress.output.size() - utf8_end(progress.output, kMaxOutput).size();
  progress.output.erase(0, cut);
  progress.offset += cut;
}

void add_output(Progress& to, std::string_view output) {
  if (output.empty()) return;
  const std::string_view end = utf8_end(output, kMaxOutput);
  if (end.size() < output.size()) {
    to.offset += to.output.size() + output.size() - end.size();
    to.output.clear();
  }
  to.output.append(end);
  cut_output(to);
}

}  // namespace

void append(Progress& to, std::optional<double> done, std::string_view note, std::string_view output) {
  add_news(to, done, note);
  add_output(to, output);
}

void append_at(Progress& to, std::uint64_t offset, std::uint64_t number, std::optional<double> done,
               std::string_view note, std::string_view output) {
  if (number == 0 || number > to.number) {
    add_news(to, done, note);
    if (number != 0) to.number = number;
  }
  if (output.empty()) return;
  const std::uint64_t end = to.offset + to.output.size();
  if (offset > end) {
    to.output.clear();
    to.offset = offset;
  } else {
    output.remove_prefix(static_cast<std::size_t>(std::min<std::uint64_t>(end - offset, output.size())));
  }
  add_output(to, output);
}

void mend(Progress& progress) {
  mend_utf8(progress.note);
  mend_utf8(progress.output);
  progress.note.resize(utf8_beginning(progress.note, kMaxNote).size());
  cut_output(progress);
}

}  // namespace zebu
