#include "broker/store/sqlite/page_checksums.h"

#include <array>
#include <cstring>
#include <string_view>
#include <xxhash.h>

namespace zebu::broker {
namespace {

constexpr std::string_view kMagic("SQLite format 3", 16);
constexpr std::size_t kPageSizeAt = 16;  // two bytes, big-endian
constexpr std::size_t kReserveAt = 20;

// XXH3's canonical form is big-endian; the page's place goes into the low half.
void write_xxh3(const char* page, std::int64_t offset, char* to) {
  XXH128_hash_t hash = XXH3_128bits(page, kPageSize - kPageReserve);
  hash.low64 ^= static_cast<std::uint64_t>(offset);
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, hash);
  static_assert(sizeof canonical.digest == kPageReserve);
  std::memcpy(to, canonical.digest, sizeof canonical.digest);
}

// Two running sums, so that the order counts, and the page's place. Never 0.
void write_sums(const char* page, std::int64_t offset, char* to) {
  std::uint64_t one = static_cast<std::uint64_t>(offset) + 0x9e3779b97f4a7c15U;
  std::uint64_t two = 0;
  for (std::size_t at = 0; at < kPageSize - kOldPageReserve; at += sizeof(std::uint64_t)) {
    std::uint64_t word = 0;
    std::memcpy(&word, page + at, sizeof word);
    one += word;
    two += one;
  }
  std::uint64_t sum = (one ^ (two << 32 | two >> 32)) * 0x2545f4914f6cdd1dU;
  if (sum == 0) sum = 1;
  std::memcpy(to, &sum, sizeof sum);
}

std::size_t reserve(PageChecksum kind) {
  if (kind == PageChecksum::none) return 0;
  return kind == PageChecksum::sums ? kOldPageReserve : kPageReserve;
}

void write_checksum(PageChecksum kind, const char* page, std::int64_t offset, char* to) {
  if (kind == PageChecksum::xxh3) write_xxh3(page, offset, to);
  if (kind == PageChecksum::sums) write_sums(page, offset, to);
}

// A page that came and went within one transaction may never have been written: in the file it is a hole.
bool is_hole(const char* page) { return page[0] == 0 && std::memcmp(page, page + 1, kPageSize - 1) == 0; }

}  // namespace

bool is_header(const char* bytes) { return std::memcmp(bytes, kMagic.data(), kMagic.size()) == 0; }

PageChecksum promised_checksum(const char* header) {
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(header[at]); };
  if ((byte(kPageSizeAt) << 8 | byte(kPageSizeAt + 1)) != kPageSize) return PageChecksum::none;
  if (byte(kReserveAt) == kPageReserve) return PageChecksum::xxh3;
  return byte(kReserveAt) == kOldPageReserve ? PageChecksum::sums : PageChecksum::none;
}

void add_checksum(PageChecksum kind, char* page, std::int64_t offset) {
  write_checksum(kind, page, offset, page + kPageSize - reserve(kind));
}

bool is_whole_page(PageChecksum kind, const char* page, std::int64_t offset) {
  std::array<char, kPageReserve> sum;
  write_checksum(kind, page, offset, sum.data());
  return std::memcmp(page + kPageSize - reserve(kind), sum.data(), reserve(kind)) == 0 || is_hole(page);
}

}  // namespace zebu::broker
