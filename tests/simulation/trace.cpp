#include "tests/simulation/trace.h"

#include <algorithm>
#include <cstdio>

namespace zebu::simulation {

void Trace::note(Time at, std::string_view what, std::initializer_list<std::uint64_t> values) {
  Line& line = lines_[count_++ % lines_.size()];
  line.at = at;
  line.what = what;
  line.values = {};
  std::copy(values.begin(), values.end(), line.values.begin());
  // FNV-1a over words.
  const auto mix = [&](std::uint64_t word) { hash_ = (hash_ ^ word) * 0x100000001b3ULL; };
  mix(static_cast<std::uint64_t>(at.count()));
  mix(what.size());
  mix(static_cast<unsigned char>(what.front()));
  for (const std::uint64_t value : line.values) mix(value);
}

std::string Trace::text() const {
  std::string text;
  const std::uint64_t lines = std::min<std::uint64_t>(count_, lines_.size());
  for (std::uint64_t i = count_ - lines; i < count_; ++i) {
    const Line& line = lines_[i % lines_.size()];
    char time[32];
    std::snprintf(time, sizeof time, "%10.3f ms  ", static_cast<double>(line.at.count()) / 1000);
    text += time;
    std::size_t value = 0;
    for (const char c : line.what) {
      if (c == '%' && value < line.values.size()) {
        text += std::to_string(line.values[value++]);
      } else {
        text += c;
      }
    }
    text += '\n';
  }
  return text;
}

}  // namespace zebu::simulation
