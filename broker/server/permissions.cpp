#include "broker/server/permissions.h"

namespace zebu::broker {

std::string_view role_name(message::Role role) { return role == message::Role::client ? "client" : "consumer"; }

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
    case Type::echo:
    case Type::part:
    case Type::ack:
    case Type::hold:
    case Type::go:
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
    case Type::ending:
    case Type::drained:
    case Type::assign:
    case Type::kept:
    case Type::stop:
      break;
  }
  return ErrorCode::bad_message;
}

std::string forbidden_text(message::Type type, std::optional<message::Role> role) {
  const std::string name(message::name_of(type));
  const auto code = why_forbidden(type, role);
  if (code == ErrorCode::no_session) return name + " needs a session: say HELLO first";
  if (code == ErrorCode::wrong_role && role) return "a " + std::string(role_name(*role)) + " may not send " + name;
  return "only the broker sends " + name;
}

std::optional<Error> why_refused(const message::Hello& hello, message::Role role) {
  if (hello.major != message::kMajor) {
    return Error{ErrorCode::version,
                 "this broker speaks version " + std::to_string(message::kMajor) +
                     " of the protocol, the peer version " + std::to_string(hello.major),
                 {}};
  }
  if (hello.role != role) {
    return Error{ErrorCode::wrong_role, "this port is for peers of role '" + std::string(role_name(role)) + "'", {}};
  }
  return std::nullopt;
}

}  // namespace zebu::broker
