#pragma once

#include <array>
#include <bit>
#include <chrono>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace zebu {

// A UUIDv7 (RFC 9562, section 5.7): 48 bits of Unix milliseconds, a counter, random bits, and ten bits for a shard. It
// identifies a job, or a running process (an "instance").
struct Uuid {
  struct Words {
    std::uint64_t first;
    std::uint64_t second;
    bool operator==(const Words&) const = default;
  };

  std::array<std::uint8_t, 16> bytes{};

  auto operator<=>(const Uuid&) const = default;
  // Compares two words, which is faster than a call of memcmp: hash tables of jobs mostly compare ids.
  bool operator==(const Uuid& other) const { return std::bit_cast<Words>(bytes) == std::bit_cast<Words>(other.bytes); }

  // The 16 bytes, as on the wire. The view is valid as long as this object.
  [[nodiscard]] std::string_view view() const { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }
  // 36 characters in lower case: "0192f3a4-…".
  [[nodiscard]] std::string to_string() const;
  [[nodiscard]] std::chrono::milliseconds unix_time() const;

  // The last ten bits are kept for the number of a shard, which is 0 until there are several.
  static constexpr std::uint32_t kShards = 1024;
  [[nodiscard]] std::uint32_t shard() const { return (bytes[14] & 3U) << 8 | bytes[15]; }
  void set_shard(std::uint32_t number) {
    bytes[14] = static_cast<std::uint8_t>((bytes[14] & 0xfcU) | (number >> 8 & 3U));
    bytes[15] = static_cast<std::uint8_t>(number);
  }

  // From raw bytes; nullopt unless there are 16.
  [[nodiscard]] static std::optional<Uuid> from_bytes(std::string_view raw);
  // From the 36-character form, in any case; nullopt if the text is malformed.
  [[nodiscard]] static std::optional<Uuid> parse(std::string_view text);
  // A new id from the wall clock and the kernel's random bytes. Later ids of a thread sort after its earlier ones.
  // Thread-safe.
  [[nodiscard]] static Uuid make();
};

using JobId = Uuid;
using InstanceId = Uuid;

// The hash is keyed with a random number per process, because ids come from the network and an attacker must not be
// able to choose collisions. Inline, because hash tables of jobs spend most of their time here.
struct UuidHash {
  [[nodiscard]] std::size_t operator()(const Uuid& id) const noexcept {
    const auto words = std::bit_cast<Uuid::Words>(id.bytes);
    // One folded 128-bit multiplication, as in wyhash: every input bit affects all bits of the result.
    __extension__ using Wide = unsigned __int128;
    const Wide product = static_cast<Wide>(words.first ^ kKey.first) * (words.second ^ kKey.second);
    return static_cast<std::size_t>(product) ^ static_cast<std::size_t>(product >> 64);
  }

 private:
  static const Uuid::Words kKey;
};

}  // namespace zebu

template <>
struct std::hash<zebu::Uuid> : zebu::UuidHash {};
