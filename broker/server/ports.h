#pragma once

#include "broker/engine/effects.h"
#include "zebu/wire/codec.h"
#include "zebu/wire/socket.h"

#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace zebu::broker {

// The socket of one role's peers, and which of them have a session.
struct Port {
  struct RoutingHash : std::hash<std::string_view> {
    using is_transparent = void;
  };

  Router socket;
  message::Role role;  // of the peers that may say HELLO here
  std::unordered_map<std::string, SessionId, RoutingHash, std::equal_to<>> sessions = {};  // by routing id
};

// Both ports, and the way to each session's peer. Numbers the sessions.
class Ports {
 public:
  Ports(Router clients, Router consumers);

  [[nodiscard]] Port& clients() { return clients_; }
  [[nodiscard]] Port& consumers() { return consumers_; }
  [[nodiscard]] const Port& clients() const { return clients_; }
  [[nodiscard]] const Port& consumers() const { return consumers_; }

  // The session of a routing id.
  [[nodiscard]] std::optional<SessionId> session_of(const Port& port, Bytes routing_id) const;
  // A new session. Messages of this peer belong to it from now on.
  SessionId open(Port& port, Bytes routing_id);
  // Messages of the peer no longer belong to this session, but replies to it may still be sent.
  void close(SessionId session);
  // No more replies are sent to it.
  void forget(SessionId session);

  [[nodiscard]] std::vector<SessionId> sessions() const;
  // Whether much of the data sent to the peer is still unread.
  [[nodiscard]] bool is_behind(SessionId session) const;
  // False: the peer is gone. A message for a forgotten session is dropped.
  [[nodiscard]] bool send(SessionId session, Frame frame);

 private:
  struct Peer {
    Port* port;
    std::string routing_id;
  };

  Port clients_;
  Port consumers_;
  std::unordered_map<SessionId, Peer> peers_;
  SessionId last_session_ = 0;
};

}  // namespace zebu::broker
