#pragma once

#include "zebu/wire/codec.h"

#include <atomic>
#include <chrono>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace zmq {
class context_t;
class message_t;
class socket_t;
}  // namespace zmq

// The only place that knows ZeroMQ. All sends and receives are non-blocking; high-water marks are off, because the
// protocol's credits and grants bound what is under way.
namespace zebu {

// ZeroMQ's I/O thread. One for each process; it outlives all sockets made of it.
class SocketContext {
 public:
  SocketContext();
  ~SocketContext();
  SocketContext(SocketContext&&) noexcept;

  [[nodiscard]] zmq::context_t& get() { return *context_; }

 private:
  std::unique_ptr<zmq::context_t> context_;
};

struct SocketLimits {
  std::size_t max_message = message::kDefaultMaxMessage;  // a larger frame closes its connection
  std::chrono::milliseconds handshake{5000};  // a connection that has not finished ZMTP's greeting by then is closed
  std::chrono::milliseconds transport_silence{10000};  // a connection whose TCP is dead is closed after about that
  // Bytes that lie ready for a router's peer: with more than max_unread it counts as gone once it has read nothing for
  // `patience`, and with more than max_ready at once.
  std::size_t max_unread = 128 << 20;
  std::chrono::milliseconds patience{10000};
  std::size_t max_ready = std::numeric_limits<std::size_t>::max();
};

// What lies ready for one peer. Shared with ZeroMQ's I/O thread.
struct UnreadCount {
  std::atomic<std::size_t> bytes = 0;
  std::atomic<std::uint64_t> read = 0;  // frames that have left
};

// A received frame; it holds its bytes. Reuse one object for many receives.
class Received {
 public:
  Received();
  ~Received();
  Received(Received&&) noexcept;

  [[nodiscard]] Bytes peer() const;  // the routing id, from a Router only
  [[nodiscard]] Bytes frame() const;
  // The peer sent a message of several frames: `frame` is the first, the others are gone.
  [[nodiscard]] bool is_multipart() const { return multipart_; }

 private:
  friend class Router;
  friend class Dealer;
  std::unique_ptr<zmq::message_t> peer_;
  std::unique_ptr<zmq::message_t> frame_;
  bool multipart_ = false;
};

// The broker's side. One thread.
class Router {
 public:
  // endpoint: "tcp://*:5555"; port 0 or * lets the kernel choose. Error `system` names the endpoint and the cause.
  [[nodiscard]] static Result<Router> bind(SocketContext& context, const std::string& endpoint,
                                           const SocketLimits& limits);
  ~Router();
  Router(Router&&) noexcept;

  // What was bound, with the port that the kernel chose: "tcp://0.0.0.0:40123".
  [[nodiscard]] const std::string& endpoint() const { return endpoint_; }
  // The next message that is there. After false, wait_readable() says when to ask again; until then this is false
  // without a system call.
  [[nodiscard]] bool receive(Received& into);
  // Whether it may have something.
  [[nodiscard]] bool may_have_input();
  // False when the peer is gone, was never there, or does not read what it was sent: nothing was sent.
  [[nodiscard]] bool send(Bytes peer, Frame frame);
  // Whether more than max_unread bytes lie ready for it.
  [[nodiscard]] bool is_behind(Bytes peer) const;

 private:
  friend bool wait_readable(Router& first, Router& second, int stop, int other,
                            std::optional<std::chrono::milliseconds> timeout);
  struct Reader {
    std::shared_ptr<UnreadCount> count;
    std::uint64_t read = 0;  // frames that it had read at `since`
    TimePoint since{};       // when it was found behind; the epoch: it is not
  };
  static constexpr std::size_t kFewReaders = 64;

  Router(std::unique_ptr<zmq::socket_t> socket, std::string endpoint, const SocketLimits& limits);
  [[nodiscard]] Reader& reader(Bytes peer);
  [[nodiscard]] bool does_read(Reader& reader) const;

  std::unique_ptr<zmq::socket_t> socket_;
  std::string endpoint_;
  SocketLimits limits_;
  std::map<std::string, Reader, std::less<>> readers_;  // by routing id
  std::size_t forget_readers_at_ = kFewReaders;
  int descriptor_;
  bool may_have_input_ = true;
  bool has_sent_ = false;  // since it was last known to have no input
};

// Blocks until one of the routers or of the descriptors has something to read, or `timeout` passed (nothing: forever).
// True when `stop` has.
[[nodiscard]] bool wait_readable(Router& first, Router& second, int stop, int other,
                                 std::optional<std::chrono::milliseconds> timeout);

// A peer's side. One thread.
class Dealer {
 public:
  // Connects in the background. Error `system` when the endpoint is not one ("tcp://host:port").
  [[nodiscard]] static Result<Dealer> connect(SocketContext& context, const std::string& endpoint,
                                              const SocketLimits& limits);
  ~Dealer();
  Dealer(Dealer&&) noexcept;
  Dealer& operator=(Dealer&&) noexcept;

  [[nodiscard]] bool receive(Received& into);
  void send(Frame frame);
  // Becomes readable when the socket's state may have changed. It is edge-triggered: after every send and receive
  // has_input() must be asked again, or the wake-up is lost.
  [[nodiscard]] int descriptor() const;
  [[nodiscard]] bool has_input();
  // Closes the socket; what was sent still leaves, for at most `linger`.
  void close(std::chrono::milliseconds linger);

 private:
  explicit Dealer(std::unique_ptr<zmq::socket_t> socket);
  std::unique_ptr<zmq::socket_t> socket_;
};

}  // namespace zebu
