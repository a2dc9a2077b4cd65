#pragma once

#include "http/response.h"

#include <chrono>
#include <cstddef>
#include <string_view>

namespace zebu::http {

// Responses to pipelined requests are gathered up to here before they are written. A larger body is written by itself.
inline constexpr std::size_t kMaxGathered = 64U << 10;
// What each connection may hold in each direction without a share of the budget.
inline constexpr std::size_t kFree = 16U << 10;
// How much is handed to the kernel at once, and how much before other connections have their turn.
inline constexpr std::size_t kMaxWrite = 64U << 10;
inline constexpr std::size_t kTurn = 256U << 10;
// How long a closed connection still reads what the client sends: a reset would discard the last response before the
// client has read it (RFC 9112, 9.6).
inline constexpr std::chrono::seconds kLinger{2};

// The bytes that need a share of the budget.
constexpr std::size_t counted(std::size_t bytes) { return bytes > kFree ? bytes : 0; }

// 503: `why`, try again in a second.
[[nodiscard]] Response overloaded(std::string_view why);

}  // namespace zebu::http
