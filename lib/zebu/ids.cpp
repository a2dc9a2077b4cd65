#include "zebu/ids.h"

#include "zebu/hex.h"

#include <sys/random.h>

#include <cstdlib>
#include <cstring>

namespace zebu {
namespace {

// Random bytes from the kernel, fetched a page at a time: one system call for 512 ids.
class RandomBytes {
 public:
  void fill(std::uint8_t* to, std::size_t count) {
    if (left_ < count) refill();
    std::memcpy(to, buffer_.data() + buffer_.size() - left_, count);
    left_ -= count;
  }

 private:
  void refill() {
    std::size_t filled = 0;
    while (filled < buffer_.size()) {
      const ssize_t got = getrandom(buffer_.data() + filled, buffer_.size() - filled, 0);
      if (got > 0) filled += static_cast<std::size_t>(got);
    }
    left_ = buffer_.size();
  }

  std::array<std::uint8_t, 4096> buffer_{};
  std::size_t left_ = 0;
};

bool dash_at(std::size_t i) { return i == 8 || i == 13 || i == 18 || i == 23; }

}  // namespace

std::string Uuid::to_string() const {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text(36, '-');
  std::size_t at = 0;
  for (const std::uint8_t byte : bytes) {
    if (dash_at(at)) ++at;
    text[at++] = kDigits[byte >> 4];
    text[at++] = kDigits[byte & 15];
  }
  return text;
}

std::chrono::milliseconds Uuid::unix_time() const {
  std::int64_t ms = 0;
  for (std::size_t i = 0; i < 6; ++i) ms = ms << 8 | bytes[i];
  return std::chrono::milliseconds(ms);
}

std::optional<Uuid> Uuid::from_bytes(std::string_view raw) {
  Uuid id;
  if (raw.size() != id.bytes.size()) return std::nullopt;
  std::memcpy(id.bytes.data(), raw.data(), raw.size());
  return id;
}

std::optional<Uuid> Uuid::parse(std::string_view text) {
  if (text.size() != 36) return std::nullopt;
  Uuid id;
  std::size_t at = 0;
  for (std::uint8_t& byte : id.bytes) {
    if (dash_at(at) && text[at++] != '-') return std::nullopt;
    const int high = hex_digit(text[at++]);
    const int low = hex_digit(text[at++]);
    if (high < 0 || low < 0) return std::nullopt;
    byte = static_cast<std::uint8_t>(high << 4 | low);
  }
  return id;
}

Uuid Uuid::make() {
  thread_local RandomBytes random;
  thread_local std::uint64_t last_stamp =
      0;  // milliseconds and, in the low 12 bits, a counter (RFC 9562, 6.2, method 1)

  const auto wall = std::chrono::system_clock::now().time_since_epoch();
  const auto ms = static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(wall).count());
  const std::uint64_t stamp = ms << 12;
  last_stamp = stamp > last_stamp ? stamp : last_stamp + 1;

  Uuid id;
  for (std::size_t i = 0; i < 6; ++i) id.bytes[i] = static_cast<std::uint8_t>(last_stamp >> (52 - 8 * i));
  id.bytes[6] = static_cast<std::uint8_t>(0x70 | (last_stamp >> 8 & 0x0f));
  id.bytes[7] = static_cast<std::uint8_t>(last_stamp);
  random.fill(id.bytes.data() + 8, 8);
  id.bytes[8] = static_cast<std::uint8_t>(0x80 | (id.bytes[8] & 0x3f));
  id.set_shard(0);
  return id;
}

namespace {

Uuid::Words random_words() {
  std::array<std::uint8_t, sizeof(Uuid::Words)> bytes{};
  RandomBytes().fill(bytes.data(), bytes.size());
  return std::bit_cast<Uuid::Words>(bytes);
}

}  // namespace

const Uuid::Words UuidHash::kKey = random_words();

}  // namespace zebu
