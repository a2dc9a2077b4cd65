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

// A UUIDv7 (RFC 9562, section 5.7): 48 bits of Unix milliseconds, then 74 random bits. Jobs and running processes
// ("instances") are named by one.
struct Uuid {
  struct Words {
    std::uint64_t first;
    std::uint64_t second;
    bool operator==(const Words&) const = default;
  };

  std::array<std::uint8_t, 16> bytes{};

  auto operator<=>(const Uuid&) const = default;
  // Two words rather than a call of memcmp: tables of jobs compare ids all day.
  bool operator==(const Uuid& other) const { return std::bit_cast<Words>(bytes) == std::bit_cast<Words>(other.bytes); }

  // The 16 bytes, as they travel. The view lives as long as this object.
  [[nodiscard]] std::string_view view() const { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }
  // "0192f3a4-….": 36 characters, lower case.
  [[nodiscard]] std::string to_string() const;
  [[nodiscard]] std::chrono::milliseconds unix_time() const;

  // From 16 raw bytes; nothing when the length is another one.
  [[nodiscard]] static std::optional<Uuid> from_bytes(std::string_view raw);
  // From the 36-character form, any case; nothing when it is not one.
  [[nodiscard]] static std::optional<Uuid> parse(std::string_view text);
  // A fresh one, from the wall clock and the kernel's random bytes. Later ones of the same thread sort after earlier
  // ones. Any thread.
  [[nodiscard]] static Uuid make();
};

using JobId = Uuid;
using InstanceId = Uuid;

// The hash is keyed with a random number per process: ids come from the network, and nobody may choose collisions.
// Inline, because tables of jobs do little else.
struct UuidHash {
  [[nodiscard]] std::size_t operator()(const Uuid& id) const noexcept {
    const auto words = std::bit_cast<Uuid::Words>(id.bytes);
    // One folded 128-bit multiplication, as in wyhash: both halves reach all bits of the result.
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
