#include "broker/server/ports.h"

namespace zebu::broker {

Ports::Ports(Router clients, Router consumers)
    : clients_{std::move(clients), message::Role::client}, consumers_{std::move(consumers), message::Role::consumer} {}

std::optional<SessionId> Ports::session_of(const Port& port, Bytes routing_id) const {
  const auto found = port.sessions.find(routing_id);
  return found == port.sessions.end() ? std::nullopt : std::optional(found->second);
}

SessionId Ports::open(Port& port, Bytes routing_id) {
  const SessionId session = ++last_session_;
  port.sessions.insert_or_assign(std::string(routing_id), session);
  peers_.emplace(session, Peer{&port, std::string(routing_id)});
  return session;
}

void Ports::close(SessionId session) {
  const auto found = peers_.find(session);
  if (found == peers_.end()) return;
  auto& sessions = found->second.port->sessions;
  const auto named = sessions.find(found->second.routing_id);
  if (named != sessions.end() && named->second == session) sessions.erase(named);
}

void Ports::forget(SessionId session) { peers_.erase(session); }

std::vector<SessionId> Ports::sessions() const {
  std::vector<SessionId> all;
  all.reserve(peers_.size());
  for (const auto& [session, peer] : peers_) all.push_back(session);
  return all;
}

bool Ports::is_behind(SessionId session) const {
  const auto found = peers_.find(session);
  return found != peers_.end() && found->second.port->socket.is_behind(found->second.routing_id);
}

bool Ports::send(SessionId session, Frame frame) {
  const auto found = peers_.find(session);
  return found == peers_.end() || found->second.port->socket.send(found->second.routing_id, std::move(frame));
}

}  // namespace zebu::broker
