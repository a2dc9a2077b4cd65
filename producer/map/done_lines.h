#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace zebu::producer {

// Which input lines an output file has results for, and for how many of each: a bag of texts. A text takes 16 bytes
// whatever its length: a table of 15 million lines has 240 MB. Filled by add(), then used by take() alone.
class DoneLines {
 public:
  void add(std::string_view text);
  // After the last add().
  void settle();
  // Takes one of these texts out; false when there is none left.
  [[nodiscard]] bool take(std::string_view text);
  // How many are left.
  [[nodiscard]] std::uint64_t size() const { return size_; }

 private:
  // 90 bits of a SHA-1: two of 15 million texts have the same with a probability of 1e-13.
  struct Entry {
    std::array<std::uint32_t, 3> hash;
    std::uint32_t count;
  };
  [[nodiscard]] static Entry entry_of(std::string_view text);

  std::vector<Entry> entries_;  // settled: sorted by hash, each once
  std::uint64_t size_ = 0;
};

}  // namespace zebu::producer
