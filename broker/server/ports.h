#pragma once

#include "broker/engine/effects.h"
#include "zebu/wire/flow.h"
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
  // The socket takes a message of each peer in turn.
  std::size_t read_in_turn = 0;
  bool is_all_read = false;  // all that had come, or a message of each peer, since this was looked at
};

// Bytes for one peer that it has not acknowledged. With more than `most` the peer counts as gone once it has
// acknowledged nothing for `patience`, with more than `ready` at once.
struct UnreadLimits {
  std::size_t most = 128 << 20;
  std::chrono::milliseconds patience{10'000};
  std::size_t ready = 1 << 30;
};

// Both ports, and the way to each session's peer. Numbers the sessions. A message for a session that is forgotten is
// dropped.
class Ports {
 public:
  Ports(Router clients, Router consumers, const FlowLimits& flow, const UnreadLimits& unread = {});

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
  // Whether much of the data for the peer is still unread.
  [[nodiscard]] bool is_behind(SessionId session) const;

  // Sends the frame, or keeps it until the peer has acknowledged enough.
  void send(SessionId session, Frame frame);
  // A frame of the peer has come. at_once: it waits for the acknowledgement.
  void received(SessionId session, std::size_t bytes, bool at_once);
  // ACK, HOLD and GO from the peer. False: it cannot have received that much.
  [[nodiscard]] bool acknowledged(SessionId session, std::uint64_t bytes, TimePoint now);
  void hold(SessionId session, std::uint64_t message);
  void go(SessionId session, std::uint64_t message);
  // Sends the ACKs that are due.
  void acknowledge();
  // Hands all that waits to the sockets: nothing will be acknowledged any more.
  void finish();
  // The sessions whose peers turned out to be unreachable, or not to read, since the last call.
  [[nodiscard]] bool has_unreachable() const { return !unreachable_.empty(); }
  [[nodiscard]] std::vector<SessionId> take_unreachable() { return std::exchange(unreachable_, {}); }
  // The consumers for which something waits to leave now, or nothing does any more, since the last call.
  [[nodiscard]] std::vector<std::pair<SessionId, bool>> take_behind() { return std::exchange(behind_, {}); }

 private:
  struct Peer {
    Port* port;
    std::string routing_id;
    Flow flow;
    std::uint64_t received = 0;      // bytes in this session
    std::uint64_t acknowledged = 0;  // of them, by us
    bool owes = false;               // an ACK is due
    bool is_gone = false;
    bool is_idle = true;  // nothing waits to leave
    std::optional<TimePoint> behind_since = {};
    std::uint64_t read_then = 0;  // what it had acknowledged at that time

    [[nodiscard]] std::uint64_t owed() const { return received - acknowledged; }
  };

  [[nodiscard]] bool does_read(Peer& peer) const;
  template <class Send>
  void acknowledge(Peer& peer, Send&& send);
  template <class Act>
  void act(SessionId session, Act&& act);

  Port clients_;
  Port consumers_;
  FlowLimits flow_;
  UnreadLimits unread_;
  std::unordered_map<SessionId, Peer> peers_;
  std::vector<SessionId> owing_;
  std::vector<SessionId> unreachable_;
  std::vector<std::pair<SessionId, bool>> behind_;
  SessionId last_session_ = 0;
};

}  // namespace zebu::broker
