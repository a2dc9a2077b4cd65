#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace zebu::producer {

// 16 bytes of SHA-1: equal for equal texts, and practically never for others.
using Fingerprint = std::array<std::uint8_t, 16>;

[[nodiscard]] Fingerprint fingerprint_of(std::string_view text);

}  // namespace zebu::producer
