#include <zebu/socket.h>

#include <zmq.hpp>

#include <array>
#include <cerrno>
#include <poll.h>

namespace zebu {
namespace {

// Called by ZeroMQ's I/O thread when the frame has left.
void free_frame(void*, void* owner) { delete static_cast<std::string*>(owner); }

// Hands the frame's buffer to ZeroMQ without a copy. Small ones are copied: that is cheaper than an allocation.
zmq::message_t to_message(Frame frame) {
  constexpr std::size_t kCopy = 256;
  const Bytes bytes = frame.bytes();
  if (bytes.size() <= kCopy) return zmq::message_t(bytes.data(), bytes.size());
  auto held = std::make_unique<std::string>(std::move(frame.buffer));
  char* data = held->data() + frame.start;
  const std::size_t size = held->size() - frame.start;
  return zmq::message_t(data, size, free_frame, held.release());
}

void set_limits(zmq::socket_t& socket, const SocketLimits& limits) {
  socket.set(zmq::sockopt::linger, 0);
  socket.set(zmq::sockopt::sndhwm, 0);
  socket.set(zmq::sockopt::rcvhwm, 0);
  socket.set(zmq::sockopt::maxmsgsize, static_cast<std::int64_t>(limits.max_message));
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
    // No peer that keeps to the protocol reaches these. They bound what one costs that floods, or does not read.
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
  if (!socket_->recv(*into.peer_, zmq::recv_flags::dontwait)) {
    may_have_input_ = has_sent_ = false;
    return false;
  }
  if (!into.peer_->more()) {
    into.frame_->rebuild();
    return true;
  }
  // The other parts of a message are there once its first is: ZeroMQ delivers whole messages.
  static_cast<void>(socket_->recv(*into.frame_, zmq::recv_flags::none));
  bool more = into.frame_->more();
  while (more) {
    into.multipart_ = true;
    zmq::message_t rest;
    static_cast<void>(socket_->recv(rest, zmq::recv_flags::none));
    more = rest.more();
  }
  return true;
}

bool Router::send(Bytes peer, Frame frame) {
  has_sent_ = true;
  try {
    // The routing id decides: EHOSTUNREACH (or EAGAIN) here, and nothing has been sent.
    if (!socket_->send(zmq::buffer(peer.data(), peer.size()), zmq::send_flags::sndmore | zmq::send_flags::dontwait)) {
      return false;
    }
    return socket_->send(to_message(std::move(frame)), zmq::send_flags::dontwait).has_value();
  } catch (const zmq::error_t&) {
    return false;
  }
}

// A send may take in what the descriptor announced, and the announcement with it; so after sends ZeroMQ itself is
// asked.
bool Router::may_have_input() {
  if (!may_have_input_ && std::exchange(has_sent_, false)) {
    may_have_input_ = (socket_->get(zmq::sockopt::events) & ZMQ_POLLIN) != 0;
  }
  return may_have_input_;
}

// One poll a round. zmq_poll would make about ten, because it asks each socket for its state before and after.
bool wait_readable(Router& first, Router& second, int stop, int other,
                   std::optional<std::chrono::milliseconds> timeout) {
  const bool has_input = first.may_have_input() || second.may_have_input();
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
  if (!socket_->recv(*into.frame_, zmq::recv_flags::dontwait)) return false;
  bool more = into.frame_->more();
  while (more) {
    into.multipart_ = true;
    zmq::message_t rest;
    static_cast<void>(socket_->recv(rest, zmq::recv_flags::none));
    more = rest.more();
  }
  return true;
}

void Dealer::send(Frame frame) {
  // Without a high-water mark this cannot block or be refused; whether it arrives, only an answer tells.
  static_cast<void>(socket_->send(to_message(std::move(frame)), zmq::send_flags::dontwait));
}

int Dealer::descriptor() const { return socket_->get(zmq::sockopt::fd); }

bool Dealer::has_input() { return (socket_->get(zmq::sockopt::events) & ZMQ_POLLIN) != 0; }

void Dealer::close(std::chrono::milliseconds linger) {
  socket_->set(zmq::sockopt::linger, static_cast<int>(linger.count()));
  socket_->close();
}

}  // namespace zebu
