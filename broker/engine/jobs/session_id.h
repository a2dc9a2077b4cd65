#pragma once

#include <cstdint>

namespace zebu::broker {

// One connection of a peer, from its HELLO on. Never reused.
using SessionId = std::uint64_t;

}  // namespace zebu::broker
