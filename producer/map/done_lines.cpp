#include "producer/map/done_lines.h"

#include "producer/map/fingerprint.h"

#include <algorithm>
#include <cstring>

namespace zebu::producer {

DoneLines::Entry DoneLines::entry_of(std::string_view text) {
  const Fingerprint fingerprint = fingerprint_of(text);
  Entry entry{{}, 1};
  std::memcpy(entry.hash.data(), fingerprint.data() + fingerprint.size() - sizeof entry.hash, sizeof entry.hash);
  return entry;
}

void DoneLines::add(std::string_view text) {
  entries_.push_back(entry_of(text));
  ++size_;
}

void DoneLines::settle() {
  std::sort(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) { return a.hash < b.hash; });
  std::size_t kept = 0;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (kept > 0 && entries_[kept - 1].hash == entries_[i].hash) {
      ++entries_[kept - 1].count;
    } else {
      entries_[kept++] = entries_[i];
    }
  }
  entries_.resize(kept);
}

bool DoneLines::take(std::string_view text) {
  if (size_ == 0) return false;
  const Entry wanted = entry_of(text);
  const auto found = std::lower_bound(entries_.begin(), entries_.end(), wanted,
                                      [](const Entry& a, const Entry& b) { return a.hash < b.hash; });
  if (found == entries_.end() || found->hash != wanted.hash || found->count == 0) return false;
  --found->count;
  --size_;
  return true;
}

}  // namespace zebu::producer
