#include "broker/server/permissions.h"

namespace zebu::broker {

std::optional<ErrorCode> why_forbidden(message::Type type, std::optional<message::Role> role) {
  using message::Role;
  using message::Type;
  const auto only = [&](Role allowed) -> std::optional<ErrorCode> {
    if (!role) return ErrorCode::no_session;
    if (*role != allowed) return ErrorCode::wrong_role;
    return std::nullopt;
  };
  switch (type) {
    case Type::hello:
    case Type::bye:
      return std::nullopt;
    case Type::beat:
      if (!role) return ErrorCode::no_session;
      return std::nullopt;
    case Type::submit:
    case Type::wait:
    case Type::leave:
    case Type::cancel:
    case Type::query:
    case Type::command:
      return only(Role::client);
    case Type::credit:
    case Type::outcome:
    case Type::return_:
    case Type::drain:
    case Type::progress:
      return only(Role::consumer);
    case Type::welcome:
    case Type::error:
    case Type::accepted:
    case Type::refused:
    case Type::done:
    case Type::unknown:
    case Type::answer:
    case Type::attached:
    case Type::assign:
    case Type::kept:
    case Type::stop:
      break;
  }
  return ErrorCode::bad_message;
}

}  // namespace zebu::broker
