#pragma once

#include "zebu/wire/message.h"

#include <optional>
#include <string>
#include <string_view>

namespace zebu::broker {

// "client" or "consumer".
[[nodiscard]] std::string_view role_name(message::Role role);

// docs/protocol.md's table "Command × role × state": the ERROR that such a message gets, or nothing when it is to be
// handled. `role` is that of the peer's session, if it has one.
[[nodiscard]] std::optional<ErrorCode> why_forbidden(message::Type type, std::optional<message::Role> role);
// The text of that ERROR.
[[nodiscard]] std::string forbidden_text(message::Type type, std::optional<message::Role> role);

// Why a HELLO on the port of `role` gets no session; nothing when it does.
[[nodiscard]] std::optional<Error> why_refused(const message::Hello& hello, message::Role role);

}  // namespace zebu::broker
