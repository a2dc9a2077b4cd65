#include "broker/server/ports.h"

namespace zebu::broker {

Ports::Ports(Router clients, Router consumers, const FlowLimits& flow, const UnreadLimits& unread)
    : clients_{std::move(clients), message::Role::client},
      consumers_{std::move(consumers), message::Role::consumer},
      flow_(flow),
      unread_(unread) {}

std::optional<SessionId> Ports::session_of(const Port& port, Bytes routing_id) const {
  const auto found = port.sessions.find(routing_id);
  return found == port.sessions.end() ? std::nullopt : std::optional(found->second);
}

SessionId Ports::open(Port& port, Bytes routing_id) {
  const SessionId session = ++last_session_;
  port.sessions.insert_or_assign(std::string(routing_id), session);
  peers_.emplace(session, Peer{&port, std::string(routing_id), Flow(flow_)});
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
  return found != peers_.end() && (found->second.is_gone || found->second.flow.unread() > unread_.most);
}

// Much may be waiting for a peer that reads as fast as it can. So a peer only counts as not reading if it has read
// nothing for a while.
bool Ports::does_read(Peer& peer) const {
  const std::size_t unread = peer.flow.unread();
  if (unread <= unread_.most) {
    peer.behind_since.reset();
    return true;
  }
  if (unread > unread_.ready) return false;
  const TimePoint now = Clock::now();
  const std::uint64_t read = peer.flow.acknowledged();
  if (!peer.behind_since || read != peer.read_then) {
    peer.behind_since = now;
    peer.read_then = read;
  }
  return now - *peer.behind_since < unread_.patience;
}

// Calls act(flow, send) for the peer of a session.
template <class Act>
void Ports::act(SessionId session, Act&& act) {
  const auto found = peers_.find(session);
  if (found == peers_.end() || found->second.is_gone) return;
  Peer& peer = found->second;
  act(peer, [&](Frame frame) {
    if (!peer.is_gone && !peer.port->socket.send(peer.routing_id, std::move(frame))) peer.is_gone = true;
  });
  if (peer.flow.is_idle() != peer.is_idle) {
    peer.is_idle = !peer.is_idle;
    if (peer.port == &consumers_) behind_.emplace_back(session, !peer.is_idle);
  }
  if (!does_read(peer)) peer.is_gone = true;
  if (!peer.is_gone) return;
  peer.flow = Flow(flow_);  // what waits for it is never sent
  unreachable_.push_back(session);
}

void Ports::send(SessionId session, Frame frame) {
  act(session, [&](Peer& peer, const auto& send) {
    peer.flow.put(std::move(frame), send);
    // Behind it: a HOLD goes before the acknowledgement of what it drops.
    if (peer.owed() >= flow_.acknowledge_along()) acknowledge(peer, send);
  });
}

template <class Send>
void Ports::acknowledge(Peer& peer, Send&& send) {
  peer.acknowledged = peer.received;
  peer.flow.put(encode(message::Ack{peer.received}), send);
}

void Ports::received(SessionId session, std::size_t bytes, bool at_once) {
  const auto found = peers_.find(session);
  if (found == peers_.end()) return;
  Peer& peer = found->second;
  peer.received += bytes;
  const bool is_due = at_once || peer.owed() >= flow_.acknowledge_alone();
  if (is_due && !std::exchange(peer.owes, true)) owing_.push_back(session);
}

bool Ports::acknowledged(SessionId session, std::uint64_t bytes, TimePoint now) {
  bool is_possible = true;
  act(session, [&](Peer& peer, const auto& send) { is_possible = peer.flow.acknowledged(bytes, now, send); });
  return is_possible;
}

void Ports::hold(SessionId session, std::uint64_t message) {
  act(session, [&](Peer& peer, const auto&) { peer.flow.hold(message); });
}

void Ports::go(SessionId session, std::uint64_t message) {
  act(session, [&](Peer& peer, const auto& send) { peer.flow.go(message, send); });
}

void Ports::acknowledge() {
  for (const SessionId session : std::exchange(owing_, {})) {
    act(session, [&](Peer& peer, const auto& send) {
      peer.owes = false;
      if (peer.owed() > 0) acknowledge(peer, send);
    });
  }
}

void Ports::finish() {
  for (auto& [session, peer] : peers_) {
    act(session, [](Peer& each, const auto& send) { each.flow.finish(send); });
  }
}

}  // namespace zebu::broker
