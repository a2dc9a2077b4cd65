#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace zebu::producer {

// A multiset of the input lines that an output file has results for. Each line takes 16 bytes, whatever its length:
// 240 MB for 15 million. Fill it with add(), call settle() once, then only take().
class DoneLines {
 public:
  void add(std::string_view text);
  // After the last add().
  void settle();
  // Removes one line with this text. Returns false if none is left.
  [[nodiscard]] bool take(std::string_view text);
  // How many lines are left.
  [[nodiscard]] std::uint64_t size() const { return size_; }

 private:
  // 90 bits of a SHA-1: the probability that two of 15 million texts collide is 1e-13.
  struct Entry {
    std::array<std::uint32_t, 3> hash;
    std::uint32_t count;
  };
  [[nodiscard]] static Entry entry_of(std::string_view text);

  std::vector<Entry> entries_;  // after settle(): sorted by hash, without duplicates
  std::uint64_t size_ = 0;
};

}  // namespace zebu::producer
