#pragma once

#include "zebu/wire/codec.h"

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace zmq {
class context_t;
class message_t;
class socket_t;
}  // namespace zmq

// The only place that uses ZeroMQ. All sends and receives are non-blocking. High-water marks are off, because the
// protocol's credits and grants bound the messages in flight.
namespace zebu {

// ZeroMQ's I/O thread, one per process. It must outlive all its sockets.
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
  // A larger frame closes its connection. Unset: no limit, because a peer takes what its broker sends.
  std::optional<std::size_t> max_message;
  std::chrono::milliseconds handshake{5000};           // time for a connection to finish the ZMTP handshake
  std::chrono::milliseconds transport_silence{10000};  // a connection whose TCP is dead is closed after about this
};

// A received frame, which owns its bytes. Reuse one object for many receives.
class Received {
 public:
  Received();
  ~Received();
  Received(Received&&) noexcept;

  [[nodiscard]] Bytes peer() const;  // the routing id, from a Router only
  [[nodiscard]] Bytes frame() const;
  // Whether the peer sent several frames: frame() is the first, the others were dropped.
  [[nodiscard]] bool is_multipart() const { return multipart_; }

 private:
  friend class Router;
  friend class Dealer;
  std::unique_ptr<zmq::message_t> peer_;
  std::unique_ptr<zmq::message_t> frame_;
  bool multipart_ = false;
};

// The broker's side. Not thread-safe.
class Router {
 public:
  // endpoint: "tcp://*:5555"; with port 0 or * the kernel chooses. Error `system` names the endpoint and the cause.
  [[nodiscard]] static Result<Router> bind(SocketContext& context, const std::string& endpoint,
                                           const SocketLimits& limits);
  ~Router();
  Router(Router&&) noexcept;

  // The bound endpoint, with the actual port: "tcp://0.0.0.0:40123".
  [[nodiscard]] const std::string& endpoint() const { return endpoint_; }
  // Receives the next message; false if there is none. Then call wait_readable() before trying again; until it reports
  // input, this returns false without a system call.
  [[nodiscard]] bool receive(Received& into);
  // Whether receive() may have a message.
  [[nodiscard]] bool may_have_input();
  // Becomes readable when the socket's state may have changed; edge-triggered, as a Dealer's.
  [[nodiscard]] int descriptor() const { return descriptor_; }
  // Returns false, and sends nothing, if the peer is gone or unknown.
  [[nodiscard]] bool send(Bytes peer, Frame frame);
  // What was sent before still leaves when the socket is closed, for at most this time.
  void set_linger(std::chrono::milliseconds linger);

 private:
  friend bool wait_readable(Router& first, Router& second, int stop, int other,
                            std::optional<std::chrono::milliseconds> timeout);
  Router(std::unique_ptr<zmq::socket_t> socket, std::string endpoint);

  std::unique_ptr<zmq::socket_t> socket_;
  std::string endpoint_;
  int descriptor_;
  bool may_have_input_ = true;
  bool has_sent_ = false;  // since the socket was last known to have no input
};

// Blocks until one of the routers or descriptors is readable, or `timeout` has passed (unset: no timeout). Returns true
// if `stop` is readable.
[[nodiscard]] bool wait_readable(Router& first, Router& second, int stop, int other,
                                 std::optional<std::chrono::milliseconds> timeout);

// A peer's side. Not thread-safe.
class Dealer {
 public:
  // Connects in the background. Error `system` if the endpoint is malformed (expected "tcp://HOST:PORT").
  [[nodiscard]] static Result<Dealer> connect(SocketContext& context, const std::string& endpoint,
                                              const SocketLimits& limits);
  ~Dealer();
  Dealer(Dealer&&) noexcept;
  Dealer& operator=(Dealer&&) noexcept;

  [[nodiscard]] bool receive(Received& into);
  void send(Frame frame);
  // Becomes readable when the socket's state may have changed. It is edge-triggered: check has_input() after every send
  // and receive, or a wake-up is lost.
  [[nodiscard]] int descriptor() const;
  [[nodiscard]] bool has_input();
  // Closes the socket. Messages sent before still leave, for at most `linger`.
  void close(std::chrono::milliseconds linger);

 private:
  explicit Dealer(std::unique_ptr<zmq::socket_t> socket);
  std::unique_ptr<zmq::socket_t> socket_;
};

}  // namespace zebu
