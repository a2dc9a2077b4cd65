#include "zebu/wire/socket.h"

#include <zmq.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <poll.h>

namespace zebu {
namespace {

// Repeats a call that a signal interrupted.
template <class Call>
auto unless_interrupted(Call&& call) {
  while (true) {
    try {
      return call();
    } catch (const zmq::error_t& e) {
      if (e.num() != EINTR) throw;
    }
  }
}

bool receive_now(zmq::socket_t& socket, zmq::message_t& into) {
  return unless_interrupted([&] { return socket.recv(into, zmq::recv_flags::dontwait).has_value(); });
}

// Drops the frames after the first one of a message. They have all arrived, since ZeroMQ delivers whole messages.
void drop_rest(zmq::socket_t& socket) {
  zmq::message_t rest;
  do {
    unless_interrupted([&] { return socket.recv(rest, zmq::recv_flags::none); });
  } while (rest.more());
}

bool has_input(zmq::socket_t& socket) {
  return unless_interrupted([&] { return (socket.get(zmq::sockopt::events) & ZMQ_POLLIN) != 0; });
}

// Called by ZeroMQ's I/O thread when the frame has been sent, or its peer is gone.
void free_sent(void*, void* buffer) { delete static_cast<std::string*>(buffer); }

// Smaller frames are copied, which is cheaper than an allocation.
constexpr std::size_t kCopy = 256;

// Passes the frame's buffer to ZeroMQ without copying it.
zmq::message_t to_message(Frame frame) {
  const Bytes bytes = frame.bytes();
  if (bytes.size() <= kCopy) return zmq::message_t(bytes.data(), bytes.size());
  auto buffer = std::make_unique<std::string>(std::move(frame.buffer));
  char* data = buffer->data() + frame.start;
  const std::size_t size = buffer->size() - frame.start;
  return zmq::message_t(data, size, free_sent, buffer.release());
}

void set_limits(zmq::socket_t& socket, const SocketLimits& limits) {
  socket.set(zmq::sockopt::linger, 0);
  socket.set(zmq::sockopt::sndhwm, 0);
  socket.set(zmq::sockopt::rcvhwm, 0);
  socket.set(zmq::sockopt::maxmsgsize, limits.max_message ? static_cast<std::int64_t>(*limits.max_message) : -1);
  socket.set(zmq::sockopt::handshake_ivl, static_cast<int>(limits.handshake.count()));
  socket.set(zmq::sockopt::heartbeat_ivl, static_cast<int>(limits.transport_silence.count() / 2));
  socket.set(zmq::sockopt::heartbeat_timeout, static_cast<int>(limits.transport_silence.count()));
}

}  // namespace

SocketContext::SocketContext() : context_(std::make_unique<zmq::context_t>(1)) {
  context_->set(zmq::ctxopt::max_sockets, 1023);
}
SocketContext::~SocketContext() = default;
SocketContext::SocketContext(SocketContext&&) noexcept = default;

Received::Received() : peer_(std::make_unique<zmq::message_t>()), frame_(std::make_unique<zmq::message_t>()) {}
Received::~Received() = default;
Received::Received(Received&&) noexcept = default;
Bytes Received::peer() const { return {static_cast<const char*>(peer_->data()), peer_->size()}; }
Bytes Received::frame() const { return {static_cast<const char*>(frame_->data()), frame_->size()}; }

Router::Router(std::unique_ptr<zmq::socket_t> socket, std::string endpoint)
    : socket_(std::move(socket)), endpoint_(std::move(endpoint)), descriptor_(socket_->get(zmq::sockopt::fd)) {}
Router::~Router() = default;
Router::Router(Router&&) noexcept = default;

Result<Router> Router::bind(SocketContext& context, const std::string& endpoint, const SocketLimits& limits) {
  try {
    auto socket = std::make_unique<zmq::socket_t>(context.get(), zmq::socket_type::router);
    set_limits(*socket, limits);
    socket->set(zmq::sockopt::router_mandatory, 1);
    // A peer that follows the protocol never reaches these. They bound the cost of a peer that floods us.
    socket->set(zmq::sockopt::rcvhwm, 1000);
    socket->set(zmq::sockopt::sndhwm, 100'000);
    socket->set(zmq::sockopt::backlog, 1024);
    socket->bind(endpoint);
    std::string bound = socket->get(zmq::sockopt::last_endpoint);
    return Router(std::move(socket), std::move(bound));
  } catch (const zmq::error_t& e) {
    return fail(ErrorCode::system, "cannot listen on '" + endpoint + "': " + e.what());
  }
}

bool Router::receive(Received& into) {
  into.multipart_ = false;
  if (!may_have_input_) return false;
  if (!receive_now(*socket_, *into.peer_)) {
    may_have_input_ = has_sent_ = false;
    return false;
  }
  if (!into.peer_->more()) {
    into.frame_->rebuild();
    return true;
  }
  static_cast<void>(unless_interrupted([&] { return socket_->recv(*into.frame_, zmq::recv_flags::none); }));
  into.multipart_ = into.frame_->more();
  if (into.multipart_) drop_rest(*socket_);
  return true;
}

bool Router::send(Bytes peer, Frame frame) {
  has_sent_ = true;
  const auto now = zmq::send_flags::dontwait;
  try {
    // Sending the routing id fails (EHOSTUNREACH or EAGAIN) if the peer is unreachable; then nothing has been sent.
    const auto to = zmq::buffer(peer.data(), peer.size());
    if (!unless_interrupted([&] { return socket_->send(to, zmq::send_flags::sndmore | now); })) return false;
    zmq::message_t message = to_message(std::move(frame));
    return unless_interrupted([&] { return socket_->send(message, now).has_value(); });
  } catch (const zmq::error_t&) {
    return false;
  }
}

void Router::set_linger(std::chrono::milliseconds linger) {
  socket_->set(zmq::sockopt::linger, static_cast<int>(linger.count()));
}

// A send may process input that the descriptor would have announced, and thereby clear it. So after sends this asks
// ZeroMQ itself.
bool Router::may_have_input() {
  if (!may_have_input_ && std::exchange(has_sent_, false)) {
    may_have_input_ = has_input(*socket_);
  }
  return may_have_input_;
}

// One poll per round. zmq_poll would make about ten, because it checks each socket's state before and after.
bool wait_readable(Router& first, Router& second, int stop, int other,
                   std::optional<std::chrono::milliseconds> timeout) {
  // Both are asked: one that always has input must not hide what a send on the other one has swallowed.
  const bool first_has = first.may_have_input();
  const bool has_input = second.may_have_input() || first_has;
  std::array<pollfd, 4> items = {
      {{first.descriptor_, POLLIN, 0}, {second.descriptor_, POLLIN, 0}, {stop, POLLIN, 0}, {other, POLLIN, 0}}};
  const int wait = has_input ? 0 : timeout ? static_cast<int>(timeout->count()) : -1;
  if (poll(items.data(), items.size(), wait) <= 0) return false;
  if (items[0].revents != 0) first.may_have_input_ = true;
  if (items[1].revents != 0) second.may_have_input_ = true;
  return items[2].revents != 0;
}

Dealer::Dealer(std::unique_ptr<zmq::socket_t> socket) : socket_(std::move(socket)) {}
Dealer::~Dealer() = default;
Dealer::Dealer(Dealer&&) noexcept = default;
Dealer& Dealer::operator=(Dealer&&) noexcept = default;

Result<Dealer> Dealer::connect(SocketContext& context, const std::string& endpoint, const SocketLimits& limits) {
  try {
    auto socket = std::make_unique<zmq::socket_t>(context.get(), zmq::socket_type::dealer);
    set_limits(*socket, limits);
    socket->set(zmq::sockopt::reconnect_ivl, 100);
    socket->set(zmq::sockopt::reconnect_ivl_max, 500);
    socket->connect(endpoint);
    return Dealer(std::move(socket));
  } catch (const zmq::error_t& e) {
    return fail(ErrorCode::system, "cannot connect to '" + endpoint + "': " + e.what() + " (expected tcp://HOST:PORT)");
  }
}

bool Dealer::receive(Received& into) {
  into.multipart_ = false;
  if (!receive_now(*socket_, *into.frame_)) return false;
  into.multipart_ = into.frame_->more();
  if (into.multipart_) drop_rest(*socket_);
  return true;
}

void Dealer::send(Frame frame) {
  // Without a high-water mark this can neither block nor fail. Only an answer shows that the message arrived.
  zmq::message_t message = to_message(std::move(frame));
  static_cast<void>(unless_interrupted([&] { return socket_->send(message, zmq::send_flags::dontwait); }));
}

int Dealer::descriptor() const { return socket_->get(zmq::sockopt::fd); }

bool Dealer::has_input() { return zebu::has_input(*socket_); }

void Dealer::close(std::chrono::milliseconds linger) {
  socket_->set(zmq::sockopt::linger, static_cast<int>(linger.count()));
  socket_->close();
}

}  // namespace zebu
