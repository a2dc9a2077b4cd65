#pragma once

#include "zebu/wire/message.h"

#include <optional>

namespace zebu::broker {

// docs/protocol.md's table "Command × role × state": what a message from such a peer is answered with, or nothing when
// it is to be handled. `role` is that of the peer's session; nothing: it has none.
[[nodiscard]] std::optional<ErrorCode> why_forbidden(message::Type type, std::optional<message::Role> role);

}  // namespace zebu::broker
