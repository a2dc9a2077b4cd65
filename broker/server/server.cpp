#include "broker/server/server.h"

#include "broker/server/permissions.h"
#include "zebu/program/log.h"

namespace zebu::broker {
namespace {

// How many messages of one socket a round takes before the others have their turn. More makes larger batches.
constexpr int kMessagesARound = 256;
// Bytes that lie ready for a client at once. It asks again for what it has not got.
constexpr std::size_t kMaxReady = 1 << 30;
// How long a reply that nobody waits for is held back for a message that it can go along with.
constexpr std::chrono::milliseconds kHold{1};

SocketContext& context() {
  static SocketContext context;
  return context;
}

std::string_view spelled(message::Role role) { return role == message::Role::client ? "client" : "consumer"; }

}  // namespace

Result<std::unique_ptr<Server>> Server::create(const Options& options, std::unique_ptr<Store> store) {
  SocketLimits limits;
  limits.max_message = options.max_message;
  SocketLimits client_limits = limits;
  client_limits.max_ready = kMaxReady;
  auto clients = Router::bind(context(), options.clients, client_limits);
  if (!clients) return tl::make_unexpected(clients.error());
  auto consumers = Router::bind(context(), options.consumers, limits);
  if (!consumers) return tl::make_unexpected(consumers.error());
  const auto recovered = store->recover();
  if (!recovered) return tl::make_unexpected(recovered.error());
  return std::unique_ptr<Server>(
      new Server(options, std::move(store), *recovered, std::move(*clients), std::move(*consumers)));
}

Server::Server(const Options& options, std::unique_ptr<Store> store, const Recovered& recovered, Router clients,
               Router consumers)
    : options_(options),
      looks_(options.spin),
      store_(std::move(store), options.spin),
      clients_{std::move(clients), message::Role::client, {}},
      consumers_{std::move(consumers), message::Role::consumer, {}},
      engine_(options),
      outbox_(options.max_message),
      facts_{Uuid::make(), options.store, Clock::now(), 0},
      inquiries_(engine_, facts_) {
  engine_.restore(recovered, Moment::now());
}

Result<void> Server::run(int stop) {
  std::optional<std::chrono::milliseconds> timeout = std::chrono::milliseconds(0);
  while (!wait(stop, timeout)) {
    const auto has_more = round(Moment::now());
    if (!has_more) return tl::make_unexpected(has_more.error());
    const auto deadline = *has_more ? Clock::now() : next_deadline();
    timeout.reset();
    if (deadline) {
      timeout = std::max(std::chrono::milliseconds(0),
                         std::chrono::ceil<std::chrono::milliseconds>(*deadline - Clock::now()));
    }
  }
  return finish();
}

// Until there is something to do, or the timeout has passed. True when `stop` became readable.
bool Server::wait(int stop, std::optional<std::chrono::milliseconds> timeout) {
  const auto poll = [&](std::optional<std::chrono::milliseconds> most) {
    return wait_readable(clients_.socket, consumers_.socket, stop, store_.descriptor(), most);
  };
  constexpr std::chrono::milliseconds kNow{0};
  if (timeout == kNow) return poll(kNow);
  if (store_.is_busy()) {
    bool is_stopped = false;
    const auto is_there = [&] {
      if (store_.is_done()) return true;
      is_stopped = poll(kNow);
      return is_stopped || clients_.socket.may_have_input() || consumers_.socket.may_have_input();
    };
    if (looks_.look(is_there)) return is_stopped;
  }
  const bool is_stopped = poll(store_.may_sleep() ? timeout : kNow);
  store_.woke_up();
  return is_stopped;
}

// What was decided is committed and told; what nobody was told of may as well be lost.
Result<void> Server::finish() {
  is_stopping_ = true;
  for (int commits = 0; commits < 2; ++commits) {
    if (auto taken = take_commit(store_.wait(), Moment::now()); !taken) return taken;
    start_commit();
  }
  if (auto taken = take_commit(store_.wait(), Moment::now()); !taken) return taken;
  outbox_.release();
  tell();
  return {};
}

std::optional<TimePoint> Server::next_deadline() const {
  const auto engine = engine_.next_deadline();
  if (!held_since_) return engine;
  const TimePoint release = *held_since_ + kHold;
  return engine ? std::min(*engine, release) : release;
}

// decide → persist → tell. True when there may be more to do at once.
Result<bool> Server::round(Moment now) {
  if (auto taken = take_commit(store_.take(), now); !taken) return tl::make_unexpected(taken.error());
  bool has_more = read(consumers_, now);
  has_more = read(clients_, now) || has_more;
  for (const SessionId session : std::exchange(unreachable_, {})) engine_.gone(session, effects_);
  gather();  // before the tick: it forgets finished jobs
  engine_.tick(now, effects_);
  gather();
  start_commit();
  if (held_since_ && now.steady - *held_since_ >= kHold) {
    outbox_.release();
    held_since_.reset();
  }
  tell();
  if (!outbox_.is_holding()) {
    held_since_.reset();
  } else if (!held_since_) {
    held_since_ = now.steady;
  }
  return has_more || !unreachable_.empty();
}

void Server::tell() {
  outbox_.flush([this](SessionId session, Frame frame) { send(session, std::move(frame)); });
  for (const SessionId session : std::exchange(ended_, {})) {
    outbox_.forget(session);
    peers_.erase(session);
  }
}

// What was gathered since the last commit began is the next one, as soon as the store is free.
void Server::start_commit() {
  if (store_.is_busy() || (effects_.records.empty() && effects_.reads.empty())) return;
  StoreWork work{0, std::exchange(effects_.records, {}), std::exchange(effects_.reads, {})};
  if (!work.records.empty()) {
    work.batch = engine_.seal();
    outbox_.seal(work.batch);
  }
  effects_.records.reserve(work.records.size());  // the next commit is about as large
  store_.start(std::move(work));
}

Result<void> Server::take_commit(std::optional<Result<StoreDone>> done, Moment now) {
  if (!done) return {};
  if (!*done) return tl::make_unexpected(std::move(done->error()));
  const StoreDone& stored = **done;
  if (stored.batch != 0) {
    outbox_.committed();
    engine_.committed(stored.batch, stored.duplicates, now, effects_);
    inquiries_.committed(stored.batch, effects_);
    gather();
    if (!is_stopping_) {
      start_commit();  // the store need not wait until this is told
      engine_.hand_out(now, effects_);
      gather();
    }
    outbox_.flush_durable([this](SessionId session, Frame frame) { send(session, std::move(frame)); });
  }
  for (const ReadAnswer& answer : stored.answers) {
    if (!inquiries_.answered(answer, now, effects_)) engine_.answered(answer, now, effects_);
    gather();
  }
  return {};
}

bool Server::read(Port& port, Moment now) {
  for (int i = 0; i < kMessagesARound; ++i) {
    if (!port.socket.receive(received_)) return false;
    handle(port, now);
  }
  return true;
}

void Server::handle(Port& port, Moment now) {
  const auto found = port.sessions.find(received_.peer());
  std::optional<SessionId> session;
  if (found != port.sessions.end()) {
    session = found->second;
    engine_.heard(*session, now);
  }
  if (received_.is_multipart()) {
    return refuse(port, received_.peer(), ErrorCode::bad_message, "a message must be one frame");
  }
  const auto message = decoder_.decode(received_.frame());
  if (!message) return refuse(port, received_.peer(), message.error().code, message.error().message);

  const auto role = session ? std::optional(port.role) : std::nullopt;
  const message::Type type = message::type_of(*message);
  if (const auto forbidden = why_forbidden(type, role)) {
    const std::string who = role ? "a " + std::string(spelled(*role)) : "a peer without a session";
    return refuse(port, received_.peer(), *forbidden,
                  std::string(message::name_of(type)) + " is nothing that " + who + " may send" +
                      (role ? "" : ": say HELLO first"));
  }
  if (const auto* hello = std::get_if<message::Hello>(&*message)) return handle_hello(port, *hello, now);
  if (session) {
    handle(*session, *message, now);
    gather();
  }
}

void Server::handle_hello(Port& port, const message::Hello& hello, Moment now) {
  const Bytes peer = received_.peer();
  if (hello.major != message::kMajor) {
    return refuse(port, peer, ErrorCode::version,
                  "this broker speaks version " + std::to_string(message::kMajor) + ", the peer version " +
                      std::to_string(hello.major));
  }
  if (hello.role != port.role) {
    return refuse(port, peer, ErrorCode::wrong_role,
                  "this port is for peers of role '" + std::string(spelled(port.role)) + "'");
  }
  std::optional<SessionId> replaced;
  if (const auto old = port.sessions.find(peer); old != port.sessions.end()) replaced = old->second;
  const SessionId session = next_session_++;
  port.sessions.insert_or_assign(std::string(peer), session);
  peers_.emplace(session, Peer{&port, std::string(peer)});
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
    server.is_behind(from) ? server.inquiries_.refuse_unread(from, m.number)
                           : server.inquiries_.query(from, m, now, server.effects_);
  }
  void operator()(const message::Command& m) const { server.inquiries_.command(from, m, now, server.effects_); }
  void operator()(const message::Credit& m) const { server.engine_.credit(from, m.credit, server.effects_); }
  void operator()(const message::OutcomeReport& m) const { server.engine_.outcome(from, m, now, server.effects_); }
  void operator()(const message::Return& m) const { server.engine_.give_back(from, m, now, server.effects_); }
  void operator()(const message::Drain&) const { server.engine_.drain(from, server.effects_); }
  void operator()(const message::ProgressReports& m) const { server.engine_.progress(from, m, server.effects_); }
  // Beats are life, which is noted already; the rest no peer may send, which was checked.
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

// Encodes what the engine decided; its pointers do not outlive its next call.
void Server::gather() {
  // A peer listens to nothing before its WELCOME.
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
  for (const Inquiries::Answer& answer : inquiries_.take()) {
    outbox_.put(answer.session, encode(message::Answer{answer.number, answer.value}), answer.batch);
  }
  for (const SessionId session : effects_.ended) end(session);
  effects_.clear_replies();
}

// From now on the peer has no session. What was decided for it before still leaves with this round: an ERROR says why
// it was ended.
void Server::end(SessionId session) {
  const auto found = peers_.find(session);
  if (found == peers_.end()) return;
  auto& sessions = found->second.port->sessions;
  const auto named = sessions.find(found->second.routing_id);
  if (named != sessions.end() && named->second == session) sessions.erase(named);
  ended_.push_back(session);
}

bool Server::is_behind(SessionId session) const {
  const auto found = peers_.find(session);
  return found != peers_.end() && found->second.port->socket.is_behind(found->second.routing_id);
}

void Server::send(SessionId session, Frame frame) {
  const auto found = peers_.find(session);
  if (found == peers_.end()) return;
  if (!found->second.port->socket.send(found->second.routing_id, std::move(frame))) unreachable_.push_back(session);
}

}  // namespace zebu::broker
