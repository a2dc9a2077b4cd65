#include "broker/server/permissions.h"
#include "tests/simulation/broker.h"

// What comes from peers, and what goes to them.
namespace zebu::simulation {

using broker::SessionId;

struct Broker::Handler {
  Broker& broker;
  SessionId from;
  Moment now;
  bool in_parts;

  Process& p = *broker.process_;
  Ledger& ledger = broker.world_.ledger;

  void operator()(const message::Bye&) const {
    const std::uint64_t before = p.engine.totals().put_back;
    p.engine.bye(from, p.effects);
    if (p.drained.contains(from) && p.engine.totals().put_back != before) {
      throw Violation{"drain", "a consumer that was drained and said BYE still had jobs"};
    }
  }
  void operator()(const message::Submit& m) const { p.held.submit(from, m, now, p.effects); }
  void operator()(const message::Wait& m) const { p.held.wait(from, m, p.effects); }
  void operator()(const message::Leave& m) const { p.held.leave(from, m); }
  void operator()(const message::Cancel& m) const {
    for (const JobId& id : m.ids) ledger.heard_cancel(id);
    p.held.cancel(from, m, now, p.effects);
  }
  void operator()(const message::Credit& m) const {
    heard_credit(m.credit);
    p.engine.credit(from, m.credit, p.effects);
  }
  void operator()(const message::OutcomeReport& m) const {
    heard_credit(m.credit);
    for (const message::Report& report : m.jobs) {
      broker.world_.note("it is the outcome of job %, attempt %", {number_of(report.id), report.attempt});
      ledger.heard_outcome(from, {report.id, report.attempt});
    }
    p.held.outcome(from, m, now, p.effects, in_parts);
  }
  void operator()(const message::Return& m) const {
    ledger.heard_credit(from, 0, true);
    heard_credit(m.credit);
    p.engine.give_back(from, m, now, p.effects);
  }
  void operator()(const message::Drain&) const {
    ledger.heard_credit(from, 0, true);
    p.drained.insert(from);
    p.engine.drain(from, p.effects);
  }
  void operator()(const message::ProgressReports& m) const { p.engine.progress(from, m, p.effects); }
  void operator()(const message::Echo& m) const {
    Frame answer = encode(m);
    answer.turn = Frame::Turn::urgent;
    p.outbox.put(from, std::move(answer));
  }
  template <class Other>
  void operator()(const Other&) const {}

  void heard_credit(std::uint32_t credit) const { ledger.heard_credit(from, credit, false); }
};

void Broker::handle(const ConnectionPtr& connection, const std::string& frame) {
  Process& p = *process_;
  const Moment now = world_.time.moment();
  const auto found = p.sessions.find(connection->number);
  std::optional<SessionId> session;
  if (found != p.sessions.end()) {
    session = found->second;
    p.engine.heard(*session, now);
    p.couriers.at(*session).received(frame.size());
  }
  handle_message(connection, session, frame, false);
}

void Broker::handle_message(const ConnectionPtr& connection, std::optional<SessionId> session, Bytes bytes,
                            bool in_parts) {
  Process& p = *process_;
  const auto message = p.decoder.decode(bytes);
  if (!message) throw Violation{"wire", "a peer sent something malformed: " + message.error().message};
  const auto role = session ? std::optional(connection->role) : std::nullopt;
  if (const auto forbidden = broker::why_forbidden(message::type_of(*message), role)) {
    const std::string why = "say HELLO first";
    static_cast<void>(world_.to_peer(connection, std::string(encode(message::ErrorReport{*forbidden, why}).bytes())));
    return;
  }
  if (const auto* hello = std::get_if<message::Hello>(&*message)) return handle_hello(connection, *hello);
  if (!session || handle_flow(connection, *session, *message)) return;
  world_.note("session % says message type %", {*session, static_cast<std::uint64_t>(message::type_of(*message))});
  std::visit(Handler{*this, *session, world_.time.moment(), in_parts}, *message);
  gather(std::holds_alternative<message::Bye>(*message) ? Ledger::Call::bye : Ledger::Call::other);
}

bool Broker::handle_flow(const ConnectionPtr& connection, SessionId session, const message::Message& message) {
  Process& p = *process_;
  const Moment now = world_.time.moment();
  Courier& courier = p.couriers.at(session);
  if (const auto* part = std::get_if<message::Part>(&message)) {
    world_.note("session % says message in parts %, from byte % of %",
                {session, part->number, part->offset, part->total});
    const auto whole = p.intake.take(session, *part, now.steady);
    tell_words();
    p.engine.set_sending(session, p.intake.has_some_of(session));
    if (!whole) throw Violation{"wire", "a peer's parts do not fit: " + whole.error().message};
    if (*whole) {
      courier.acknowledge(true, sender(session));
      handle_message(connection, session, **whole, true);
    }
  } else if (const auto* ack = std::get_if<message::Ack>(&message)) {
    if (!courier.acknowledged(ack->bytes, now, sender(session))) throw Violation{"wire", "ACK of too many bytes"};
  } else if (const auto* hold = std::get_if<message::Hold>(&message)) {
    courier.hold(hold->number);
  } else if (const auto* go = std::get_if<message::Go>(&message)) {
    courier.go(go->number, sender(session));
  } else {
    return false;
  }
  return true;
}

// Of a message that is sent whole.
std::size_t Broker::max_part() const {
  return world_.scenario.part > 0 ? world_.scenario.part : world_.scenario.options.max_message;
}

void Broker::handle_hello(const ConnectionPtr& connection, const message::Hello& hello) {
  Process& p = *process_;
  const SessionId session = next_session_++;
  p.sessions[connection->number] = session;
  p.peers.emplace(session, connection);
  p.couriers.emplace(session, world_.scenario.flow());
  world_.note("instance % has session % now", {number_of(hello.instance), session});
  if (hello.role == message::Role::consumer) world_.ledger.heard_hello(session, hello);
  p.engine.hello(session, hello, world_.time.moment(), p.effects);
  gather(Ledger::Call::hello);
}

void Broker::gather(Ledger::Call call) {
  Process& p = *process_;
  broker::Effects& effects = p.effects;
  for (std::size_t i = 0; i < effects.ended.size(); ++i) p.held.ended(effects.ended[i], world_.time.moment(), effects);
  world_.ledger.after_call(p.engine, effects, call);
  const broker::Options& options = world_.scenario.options;
  for (const SessionId session : effects.welcomed) {
    const message::Welcome welcome{message::kMajor, message::kMinor,  uuid_of(IdKind::instance, 0), options.grant,
                                   options.beat(),  options.liveness, options.max_message,          max_part()};
    p.outbox.put(session, encode(welcome));
  }
  p.outbox.gather(effects);
  for (const auto& [session, error, batch] : effects.errors) {
    p.outbox.put(session, encode(message::ErrorReport{error.why.code, error.why.message, error.about}));
  }
  for (const auto& [session, drained, batch] : effects.drained) p.outbox.put(session, encode(drained), batch);
  for (const SessionId session : effects.draining) p.outbox.put(session, encode(message::Drain{}));
  for (const SessionId session : effects.beats) p.outbox.put(session, encode(message::Beat{}));
  std::move(effects.records.begin(), effects.records.end(), std::back_inserter(p.next.records));
  std::move(effects.reads.begin(), effects.reads.end(), std::back_inserter(p.next.reads));
  for (const SessionId session : effects.ended) {
    const auto found = p.peers.find(session);
    if (found == p.peers.end()) continue;
    const auto named = p.sessions.find(found->second->number);
    if (named != p.sessions.end() && named->second == session) p.sessions.erase(named);
    p.ended.push_back(session);
  }
  effects.clear();
}

void Broker::tell_peers() {
  Process& p = *process_;
  p.outbox.flush([this](SessionId session, Frame frame) { send(session, std::move(frame)); });
  tell_words();
  for (auto& [session, courier] : p.couriers) courier.acknowledge(false, sender(session));
  for (const SessionId session : std::exchange(p.ended, {})) {
    p.outbox.forget(session);
    p.intake.ended(session);
    p.couriers.erase(session);
    p.peers.erase(session);
  }
}

void Broker::tell_words() {
  for (const auto& [session, number, may_go] : process_->intake.take_words()) {
    world_.note("session %, message in parts %: HOLD or GO (%)", {session, number, may_go ? 1U : 0U});
    send(session, may_go ? encode(message::Go{number}) : encode(message::Hold{number}));
  }
}

void Broker::send(SessionId session, Frame frame) {
  const auto found = process_->couriers.find(session);
  if (found != process_->couriers.end()) found->second.put(std::move(frame), sender(session));
}

void Broker::hand_over(SessionId session, const Frame& frame) {
  const auto found = process_->peers.find(session);
  if (found == process_->peers.end()) return;
  if (!world_.to_peer(found->second, std::string(frame.bytes()))) process_->unreachable.push_back(session);
}

}  // namespace zebu::simulation
