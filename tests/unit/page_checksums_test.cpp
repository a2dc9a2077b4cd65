#include "broker/store/sqlite/page_checksums.h"

#include "tests/support/catch.h"

#include <algorithm>
#include <random>
#include <string>

namespace zebu::broker {
namespace {

constexpr std::int64_t kOffset = 7 * kPageSize;
constexpr std::size_t kBits = std::size_t{kPageSize} * 8;

std::string random_page(std::mt19937_64& random, PageChecksum kind) {
  std::string page(kPageSize, '\0');
  std::generate(page.begin(), page.end(), [&] { return static_cast<char>(random()); });
  add_checksum(kind, page.data(), kOffset);
  return page;
}

void flip(std::string& page, std::size_t bit) {
  page[bit / 8] = static_cast<char>(page[bit / 8] ^ static_cast<char>(1 << bit % 8));
}

}  // namespace

TEST_CASE("a page is whole with its checksum, at its place, or where it was never written") {
  std::mt19937_64 random(1);
  for (const PageChecksum kind : {PageChecksum::xxh3, PageChecksum::sums}) {
    const std::string page = random_page(random, kind);
    CHECK(is_whole_page(kind, page.data(), kOffset));
    CHECK_FALSE(is_whole_page(kind, page.data(), kOffset + kPageSize));
    CHECK(is_whole_page(kind, std::string(kPageSize, '\0').data(), kOffset));
  }
}

TEST_CASE("the header says which checksum a file has") {
  std::string header = "SQLite format 3";
  header.resize(kHeaderBytes, '\0');
  header[16] = kPageSize >> 8;
  const auto with_reserve = [&](int bytes) {
    header[20] = static_cast<char>(bytes);
    return promised_checksum(header.data());
  };
  CHECK(is_header(header.data()));
  CHECK(with_reserve(16) == PageChecksum::xxh3);
  CHECK(with_reserve(8) == PageChecksum::sums);
  CHECK(with_reserve(0) == PageChecksum::none);
  header[16] = 16;
  CHECK(with_reserve(16) == PageChecksum::none);
}

// Two flips of the highest bit in words of even distance.
TEST_CASE("two flipped bits that Zebu 0.1 did not see are seen") {
  std::mt19937_64 random(2);
  const std::size_t bit = std::size_t{1000} * 8 + 63;
  for (const PageChecksum kind : {PageChecksum::sums, PageChecksum::xxh3}) {
    std::string page = random_page(random, kind);
    flip(page, bit);
    flip(page, bit + 128);
    CHECK(is_whole_page(kind, page.data(), kOffset) == (kind == PageChecksum::sums));
  }
}

TEST_CASE("no pair of flipped bits and no burst of up to 64 is believed") {
  std::mt19937_64 random(3);
  const std::string page = random_page(random, PageChecksum::xxh3);
  int believed = 0;
  for (int i = 0; i < 1'000'000; ++i) {
    std::string damaged = page;
    const std::size_t first = random() % (kBits - 64);
    flip(damaged, first);
    if (i % 2 == 0) {
      std::size_t second = random() % kBits;
      if (second == first) ++second;
      flip(damaged, second);
    } else {
      const std::size_t length = 2 + random() % 63;
      const std::uint64_t inside = random();
      for (std::size_t at = 1; at + 1 < length; ++at) {
        if ((inside >> at & 1) != 0) flip(damaged, first + at);
      }
      flip(damaged, first + length - 1);
    }
    if (is_whole_page(PageChecksum::xxh3, damaged.data(), kOffset)) ++believed;
  }
  CHECK(believed == 0);
}

}  // namespace zebu::broker
