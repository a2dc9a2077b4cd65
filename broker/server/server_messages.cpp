#include "broker/server/permissions.h"
#include "broker/server/server.h"
#include "zebu/program/log.h"

// Messages from and to peers.
namespace zebu::broker {
namespace {

// How many messages of one socket a round takes before the others have their turn. More makes larger batches.
constexpr int kMessagesARound = 256;

}  // namespace

bool Server::read(Port& port, Moment now) {
  for (int i = 0; i < kMessagesARound; ++i) {
    if (!port.socket.receive(received_)) return false;
    handle(port, now);
  }
  return true;
}

void Server::handle(Port& port, Moment now) {
  const auto session = ports_.session_of(port, received_.peer());
  if (session) engine_.heard(*session, now);
  if (received_.is_multipart()) {
    return refuse(port, received_.peer(), ErrorCode::bad_message, "a message must be one frame");
  }
  const auto message = decoder_.decode(received_.frame());
  if (!message) return refuse(port, received_.peer(), message.error().code, message.error().message);

  const auto role = session ? std::optional(port.role) : std::nullopt;
  const message::Type type = message::type_of(*message);
  if (const auto forbidden = why_forbidden(type, role)) {
    return refuse(port, received_.peer(), *forbidden, forbidden_text(type, role));
  }
  if (const auto* hello = std::get_if<message::Hello>(&*message)) return handle_hello(port, *hello, now);
  if (session) {
    handle(*session, *message, now);
    gather();
  }
}

void Server::handle_hello(Port& port, const message::Hello& hello, Moment now) {
  const Bytes peer = received_.peer();
  if (const auto why = why_refused(hello, port.role)) return refuse(port, peer, why->code, why->message);
  const auto replaced = ports_.session_of(port, peer);
  const SessionId session = ports_.open(port, peer);
  engine_.hello(session, hello, now, effects_);
  if (replaced) engine_.bye(*replaced, effects_);
  gather();
}

struct Server::Handler {
  Server& server;
  SessionId from;
  Moment now;

  void operator()(const message::Bye&) const { server.engine_.bye(from, server.effects_); }
  void operator()(const message::Submit& m) const { server.engine_.submit(from, m, now, server.effects_); }
  void operator()(const message::Wait& m) const { server.engine_.wait(from, m, server.effects_); }
  void operator()(const message::Leave& m) const { server.engine_.leave(from, m); }
  void operator()(const message::Cancel& m) const { server.engine_.cancel(m, now, server.effects_); }
  void operator()(const message::Query& m) const {
    server.ports_.is_behind(from) ? server.queries_.refuse_unread(from, m.number)
                                  : server.queries_.answer(from, m, now, server.effects_);
  }
  void operator()(const message::Command& m) const { server.commands_.answer(from, m, now, server.effects_); }
  void operator()(const message::Credit& m) const { server.engine_.credit(from, m.credit, server.effects_); }
  void operator()(const message::OutcomeReport& m) const { server.engine_.outcome(from, m, now, server.effects_); }
  void operator()(const message::Return& m) const { server.engine_.give_back(from, m, now, server.effects_); }
  void operator()(const message::Drain&) const { server.engine_.drain(from, server.effects_); }
  void operator()(const message::ProgressReports& m) const { server.engine_.progress(from, m, server.effects_); }
  // A BEAT only shows that the peer is alive. The other types are never sent by a peer, which was checked.
  template <class Other>
  void operator()(const Other&) const {}
};

void Server::handle(SessionId session, const message::Message& message, Moment now) {
  std::visit(Handler{*this, session, now}, message);
}

// One refusal to the sender of a message that cannot be handled, whether it has a session or not.
void Server::refuse(Port& port, Bytes peer, ErrorCode code, const std::string& why) {
  ++facts_.errors;
  spdlog::debug("refused a message on {}: {}: {}", port.socket.endpoint(), to_string(code), why);
  static_cast<void>(port.socket.send(peer, encode(message::ErrorReport{code, why})));
}

// Encodes the engine's replies.
void Server::gather() {
  // A peer ignores every message before its WELCOME.
  for (const SessionId session : effects_.welcomed) {
    const message::Welcome welcome{message::kMajor, message::kMinor,   facts_.instance,     options_.grant,
                                   options_.beat(), options_.liveness, options_.max_message};
    outbox_.put(session, encode(welcome));
  }
  outbox_.gather(effects_);
  for (const auto& [session, error, batch] : effects_.errors) {
    ++facts_.errors;
    outbox_.put(session, encode(message::ErrorReport{error.code, error.message}));
  }
  for (const SessionId session : effects_.draining) outbox_.put(session, encode(message::Drain{}));
  for (const SessionId session : effects_.beats) outbox_.put(session, encode(message::Beat{}));
  for (const PendingAnswers::Answer& answer : pending_.take()) {
    outbox_.put(answer.to.session, encode(message::Answer{answer.to.number, answer.value}), answer.batch);
  }
  // Earlier replies to the session are still sent in this round: an ERROR says why it ended.
  for (const SessionId session : effects_.ended) {
    ports_.close(session);
    ended_.push_back(session);
  }
  effects_.clear_replies();
}

}  // namespace zebu::broker
