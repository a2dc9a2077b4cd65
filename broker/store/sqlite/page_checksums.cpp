#include "broker/store/sqlite/page_checksums.h"

#include <cstring>
#include <string_view>

namespace zebu::broker {
namespace {

constexpr std::string_view kMagic("SQLite format 3", 16);
constexpr std::size_t kPageSizeAt = 16;  // two bytes, big-endian
constexpr std::size_t kReserveAt = 20;
constexpr std::size_t kContent = kPageSize - kPageReserve;

// Two running sums, so that the order counts, and the page's place: a page in the wrong place is damage too. Never 0.
std::uint64_t checksum(const char* page, std::int64_t offset) {
  std::uint64_t one = static_cast<std::uint64_t>(offset) + 0x9e3779b97f4a7c15U;
  std::uint64_t two = 0;
  for (std::size_t at = 0; at < kContent; at += sizeof(std::uint64_t)) {
    std::uint64_t word = 0;
    std::memcpy(&word, page + at, sizeof word);
    one += word;
    two += one;
  }
  const std::uint64_t sum = (one ^ (two << 32 | two >> 32)) * 0x2545f4914f6cdd1dU;
  return sum == 0 ? 1 : sum;
}

// A page that came and went within one transaction may never have been written: in the file it is a hole.
bool is_hole(const char* page) { return page[0] == 0 && std::memcmp(page, page + 1, kPageSize - 1) == 0; }

}  // namespace

bool is_header(const char* bytes) { return std::memcmp(bytes, kMagic.data(), kMagic.size()) == 0; }

bool promises_checksums(const char* header) {
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(header[at]); };
  return (byte(kPageSizeAt) << 8 | byte(kPageSizeAt + 1)) == kPageSize && byte(kReserveAt) == kPageReserve;
}

void add_checksum(char* page, std::int64_t offset) {
  const std::uint64_t sum = checksum(page, offset);
  std::memcpy(page + kContent, &sum, sizeof sum);
}

bool is_whole_page(const char* page, std::int64_t offset) {
  std::uint64_t stored = 0;
  std::memcpy(&stored, page + kContent, sizeof stored);
  return stored == checksum(page, offset) || is_hole(page);
}

}  // namespace zebu::broker
