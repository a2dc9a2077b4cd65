#include "broker/server/permissions.h"
#include "broker/server/server.h"
#include "zebu/program/log.h"

#include <algorithm>

// Messages from and to peers.
namespace zebu::broker {
namespace {

// How many messages of one socket a round takes before the others have their turn. More makes larger batches.
constexpr int kMessagesARound = 256;
// Likewise in bytes: while parts of large messages are read, nothing else is heard or committed.
constexpr std::size_t kBytesARound = 512U << 10;
// How many bad entries of a message its ERROR names by their places.
constexpr std::size_t kMaxNamed = 100;
// What a PART has beside its bytes, at the most.
constexpr std::size_t kAroundPart = 64;
// Queues that a report of forgotten jobs names.
constexpr std::size_t kMaxReported = 10;

void log_forgotten(const std::vector<Effects::ForgottenFailed>& reports) {
  const std::size_t named = std::min(reports.size(), kMaxReported);
  for (std::size_t i = 0; i < named; ++i) {
    const auto& [queue, too_old, too_many] = reports[i];
    if (too_old > 0) {
      log_event(Event::jobs_forgotten, {{"queue", queue}, {"count", too_old}, {"why", "too_old"}},
                "forgot {} failed jobs of queue {}: their time was up", too_old, queue);
    }
    if (too_many > 0) {
      log_event(Event::jobs_forgotten, {{"queue", queue}, {"count", too_many}, {"why", "too_many"}},
                "forgot the {} oldest failed jobs of queue {}: it had too many", too_many, queue);
    }
  }
  if (reports.size() > named) {
    log_event(Event::jobs_forgotten, {}, "forgot failed jobs of {} more queues", reports.size() - named);
  }
}

std::optional<std::string> why_wrong_size(message::Type type, std::size_t size, bool in_parts, std::size_t part) {
  using message::Type;
  const bool is_of_flow = type == Type::part || type == Type::ack || type == Type::hold || type == Type::go;
  const std::string name(message::name_of(type));
  if (in_parts && (is_of_flow || type == Type::hello || type == Type::beat || type == Type::bye)) {
    return name + " cannot be sent in parts";
  }
  if (in_parts || type == Type::hello || size <= part + (type == Type::part ? kAroundPart : 0)) return std::nullopt;
  return name + " of " + std::to_string(size) + " bytes in one frame: more than " + std::to_string(part) +
         " must be sent in parts";
}

}  // namespace

bool Server::read(Port& port, Moment now) {
  std::size_t bytes = 0;
  for (int i = 0; i < kMessagesARound && bytes < kBytesARound; ++i) {
    if (!port.socket.receive(received_)) {
      port.is_all_read = true;
      port.read_in_turn = 0;
      return false;
    }
    if (++port.read_in_turn > port.sessions.size()) {
      port.is_all_read = true;
      port.read_in_turn = 0;
    }
    bytes += received_.frame().size();
    handle_frame(port, now);
  }
  return true;
}

void Server::handle_frame(Port& port, Moment now) {
  const auto session = ports_.session_of(port, received_.peer());
  const Bytes frame = received_.frame();
  if (session) {
    engine_.heard(*session, now);
    ports_.received(*session, frame.size(), false);
  }
  if (received_.is_multipart()) {
    return refuse(port, session, {ErrorCode::bad_message, "a message must be one frame", {}}, {});
  }
  handle(port, session, frame, false, now);
}

// in_parts: `bytes` were put together.
void Server::handle(Port& port, std::optional<SessionId> session, Bytes bytes, bool in_parts, Moment now) {
  message::About about;
  const auto message = decoder_.decode(bytes);
  if (!message) {
    about.type = type_in(bytes);
    return refuse(port, session, message.error(), std::move(about));
  }
  const auto role = session ? std::optional(port.role) : std::nullopt;
  const message::Type type = message::type_of(*message);
  about.type = static_cast<std::uint8_t>(type);
  if (const auto forbidden = why_forbidden(type, role)) {
    return refuse(port, session, {*forbidden, forbidden_text(type, role), {}}, std::move(about));
  }
  if (const auto wrong = why_wrong_size(type, bytes.size(), in_parts, flow_.part)) {
    return refuse(port, session, {ErrorCode::bad_message, *wrong, {}}, std::move(about));
  }
  if (const auto* hello = std::get_if<message::Hello>(&*message)) return handle_hello(port, *hello, now);
  if (!session) return;
  if (const auto* part = std::get_if<message::Part>(&*message)) return handle_part(port, *session, *part, now);
  handle(*session, *message, in_parts, now);
  complain(*session, *message);
  gather();
}

void Server::handle_part(Port& port, SessionId session, const message::Part& part, Moment now) {
  const auto whole = intake_.take(session, part, now.steady);
  tell_words();
  engine_.set_sending(session, intake_.has_some_of(session));
  if (!whole) {
    message::About about;
    about.type = static_cast<std::uint8_t>(message::Type::part);
    return refuse(port, session, whole.error(), std::move(about));
  }
  if (!*whole) return;
  ports_.received(session, 0, true);
  handle(port, session, **whole, true, now);
}

// Before anything acknowledges the bytes: a message whose last part is acknowledged has arrived, and its sender forgets
// it.
void Server::tell_words() {
  for (const auto& [session, number, may_go] : intake_.take_words()) {
    ports_.send(session, may_go ? encode(message::Go{number}) : encode(message::Hold{number}));
  }
}

void Server::handle_hello(Port& port, const message::Hello& hello, Moment now) {
  const Bytes peer = received_.peer();
  if (const auto why = why_refused(hello, port.role)) return refuse_hello(port, hello, *why);
  const auto replaced = ports_.session_of(port, peer);
  const SessionId session = ports_.open(port, peer);
  engine_.hello(session, hello, now, effects_);
  // On the same connection it is no other process that takes its place.
  std::erase_if(effects_.errors, [&](const auto& error) { return error.session == replaced; });
  if (replaced) engine_.bye(*replaced, effects_);
  const auto is_its = [&](const auto& error) { return error.session == session; };
  const auto& errors = effects_.errors;
  if (const auto why = std::find_if(errors.begin(), errors.end(), is_its); why != errors.end()) {
    journal_.refused_peer(hello.role, hello.name, why->what.why, now.steady);
  }
  gather();
}

void Server::refuse_hello(Port& port, const message::Hello& hello, const Error& why) {
  message::About about;
  about.type = static_cast<std::uint8_t>(message::Type::hello);
  about.version.emplace(message::kMajor, message::kMinor);
  journal_.refused_peer(hello.role, hello.name, why, Clock::now());
  send_refusal(port, std::nullopt, why, std::move(about));
}

struct Server::Handler {
  Server& server;
  SessionId from;
  bool in_parts;
  Moment now;

  void operator()(const message::Bye&) const { server.engine_.bye(from, server.effects_); }
  void operator()(const message::Submit& m) const { server.held_.submit(from, m, now, server.effects_); }
  void operator()(const message::Wait& m) const { server.held_.wait(from, m, server.effects_); }
  void operator()(const message::Leave& m) const { server.held_.leave(from, m); }
  void operator()(const message::Cancel& m) const { server.held_.cancel(from, m, now, server.effects_); }
  void operator()(const message::Query& m) const {
    server.facts_.held_bytes = server.held_.bytes();
    server.ports_.is_behind(from) ? server.queries_.refuse_unread(from, m.number)
                                  : server.queries_.answer(from, m, now, server.effects_);
  }
  void operator()(const message::Command& m) const { server.commands_.answer(from, m, now, server.effects_); }
  void operator()(const message::Credit& m) const { server.engine_.credit(from, m.credit, server.effects_); }
  void operator()(const message::OutcomeReport& m) const {
    server.held_.outcome(from, m, now, server.effects_, in_parts);
  }
  void operator()(const message::Return& m) const { server.engine_.give_back(from, m, now, server.effects_); }
  void operator()(const message::Drain&) const { server.engine_.drain(from, server.effects_); }
  void operator()(const message::ProgressReports& m) const { server.engine_.progress(from, m, server.effects_); }
  // It says that its sender was heard, and so passes all, as a beat does.
  void operator()(const message::Echo& m) const {
    Frame answer = encode(m);
    answer.turn = Frame::Turn::urgent;
    server.outbox_.put(from, std::move(answer));
  }
  void operator()(const message::Ack& m) const {
    if (server.ports_.acknowledged(from, m.bytes, now.steady)) return;
    message::About about;
    about.type = static_cast<std::uint8_t>(message::Type::ack);
    const char* why = "ACK of more bytes than were sent";
    server.effects_.errors.push_back({from, {{ErrorCode::bad_message, why, {}}, std::move(about)}});
  }
  void operator()(const message::Hold& m) const { server.ports_.hold(from, m.number); }
  void operator()(const message::Go& m) const { server.ports_.go(from, m.number); }
  // A BEAT only shows that the peer is alive. The other types are never sent by a peer, which was checked.
  template <class Other>
  void operator()(const Other&) const {}
};

void Server::handle(SessionId session, const message::Message& message, bool in_parts, Moment now) {
  std::visit(Handler{*this, session, in_parts, now}, message);
}

// One ERROR for all entries of a message that nothing else answers: those of which not even the id could be read.
void Server::complain(SessionId session, const message::Message& message) {
  const message::Type type = message::type_of(message);
  const bool is_answered_by_id = type == message::Type::submit;
  const bool is_answered_by_attempt = type == message::Type::outcome;
  message::About about;
  const message::BadEntry* first = nullptr;
  std::size_t count = 0;
  for (const message::BadEntry& bad : message::bad_entries(message)) {
    if (bad.id && (is_answered_by_id || (is_answered_by_attempt && bad.attempt > 0))) continue;
    if (first == nullptr) first = &bad;
    if (++count <= kMaxNamed) about.entries.push_back(bad.index);
  }
  if (first == nullptr) return;
  about.type = static_cast<std::uint8_t>(type);
  std::string why =
      "entry " + std::to_string(first->index) + " of " + std::string(message::name_of(type)) + ": " + first->why;
  if (count > 1) why += " (and " + std::to_string(count - 1) + " more)";
  effects_.errors.push_back({session, {{ErrorCode::bad_message, std::move(why), {}}, std::move(about)}});
}

// One refusal to the sender of the message that is being read, whether it has a session or not.
void Server::refuse(Port& port, std::optional<SessionId> session, const Error& why, message::About about) {
  journal_.refused_message(port.role, received_.peer(), session ? engine_.name_of(*session) : "", why, Clock::now());
  send_refusal(port, session, why, std::move(about));
}

void Server::send_refusal(Port& port, std::optional<SessionId> session, const Error& why, message::About about) {
  ++facts_.errors;
  loop_counts_.error(why.code);
  Frame error = encode(message::ErrorReport{why.code, why.message, std::move(about)});
  if (session) {
    ports_.send(*session, std::move(error));
  } else {
    static_cast<void>(port.socket.send(received_.peer(), std::move(error)));
  }
}

// Errors of peers' messages that the engine has found. Those of a HELLO are noted where it is handled.
void Server::note_errors(TimePoint now) {
  for (const auto& [id, error, batch] : effects_.errors) {
    const auto session = engine_.sessions().find(id);
    if (session == engine_.sessions().end() || error.why.code != ErrorCode::bad_message) continue;
    journal_.refused_message(session->second.role, std::to_string(id), session->second.name, error.why, now);
  }
}

// Encodes the engine's replies.
void Server::gather() {
  if (!held_.empty()) {
    for (std::size_t i = 0; i < effects_.ended.size(); ++i) held_.ended(effects_.ended[i], clock_.now(), effects_);
  }
  // A peer ignores every message before its WELCOME.
  for (const SessionId session : effects_.welcomed) {
    const message::Welcome welcome{message::kMajor, message::kMinor,   facts_.instance,      options_.grant,
                                   options_.beat(), options_.liveness, options_.max_message, flow_.part};
    outbox_.put(session, encode(welcome));
  }
  if (effects_.has_news()) journal_.note(effects_, Clock::now());
  if (!effects_.errors.empty()) note_errors(Clock::now());
  outbox_.gather(effects_);
  for (const auto& [session, error, batch] : effects_.errors) {
    ++facts_.errors;
    loop_counts_.error(error.why.code);
    outbox_.put(session, encode(message::ErrorReport{error.why.code, error.why.message, error.about}));
  }
  for (const auto& [session, drained, batch] : effects_.drained) outbox_.put(session, encode(drained), batch);
  for (const SessionId session : effects_.draining) outbox_.put(session, encode(message::Drain{}));
  for (const SessionId session : effects_.beats) outbox_.put(session, encode(message::Beat{}));
  for (const PendingAnswers::Answer& answer : pending_.take()) {
    outbox_.put(answer.to.session, encode(message::Answer{answer.to.number, answer.value, answer.more}), answer.batch);
  }
  log_forgotten(effects_.forgotten_failed);
  // Earlier replies to the session are still sent in this round: an ERROR says why it ended.
  for (const SessionId session : effects_.ended) {
    ports_.close(session);
    ended_.push_back(session);
  }
  effects_.clear_replies();
}

}  // namespace zebu::broker
