#pragma once

#include "tests/support/eventually.h"
#include "zebu/wire/assembler.h"
#include "zebu/wire/flow.h"
#include "zebu/wire/socket.h"

#include <deque>
#include <optional>
#include <poll.h>
#include <stdexcept>

// A peer that speaks the protocol word by word, or breaks it.
namespace zebu::test {

// A received message that holds its own bytes.
struct Heard {
  std::string bytes;
  Decoder decoder;
  message::Message message = message::Beat{};

  template <class T>
  const T& as() const {
    if (const T* m = std::get_if<T>(&message)) return *m;
    throw std::runtime_error("got " + std::string(message::name_of(message::type_of(message))));
  }
};

// Of this many bytes; it is no message.
inline Frame frame_of(std::size_t bytes) { return Frame{std::string(bytes, 'x')}; }

// BEAT, and what says how bytes flow.
inline bool is_of_the_flow(const message::Message& message) {
  switch (message::type_of(message)) {
    case message::Type::beat:
    case message::Type::ack:
    case message::Type::hold:
    case message::Type::go:
      return true;
    default:
      return false;
  }
}

class Peer {
 public:
  explicit Peer(const std::string& endpoint) : dealer_(*Dealer::connect(context_, endpoint, {})) {}

  void send(const message::Message& message) {
    flow_.put(encode(message), [this](Frame frame) { dealer_.send(std::move(frame)); });
  }
  void send_raw(std::string bytes) { dealer_.send(Frame{std::move(bytes), 0}); }
  // How it sends long messages. It waits for no acknowledgement, unless a test sets a window.
  Flow& flow() { return flow_; }
  bool acknowledges = true;

  // The next message that is no BEAT and says nothing of how bytes flow; throws when none comes.
  std::unique_ptr<Heard> receive(std::chrono::milliseconds limit = std::chrono::seconds(5)) {
    const auto deadline = Clock::now() + scaled(limit);
    Received received;
    while (true) {
      while (dealer_.receive(received)) {
        auto heard = read(std::string(received.frame()));
        received_ += received.frame().size();
        if (std::holds_alternative<message::Welcome>(heard->message)) {
          received_ = 0;
          has_session_ = true;
        } else if (acknowledges && has_session_) {
          send(message::Ack{received_});
        }
        if (const auto* part = std::get_if<message::Part>(&heard->message)) {
          auto whole = assembler_.add(*part);
          if (!whole) throw std::runtime_error(whole.error().message);
          if (!*whole) continue;
          heard = read(std::move(**whole));
        }
        if (!is_of_the_flow(heard->message)) return heard;
      }
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
      if (left <= 0) throw std::runtime_error("no message from the broker in time");
      pollfd item{dealer_.descriptor(), POLLIN, 0};
      if (!dealer_.has_input()) poll(&item, 1, static_cast<int>(std::min<long long>(left, 100)));
    }
  }
  // The code of the ERROR that must come next.
  ErrorCode receive_error() { return receive()->as<message::ErrorReport>().code; }

  // The count of the KEPT that must come, before or behind DRAINED.
  std::uint64_t receive_kept() {
    while (true) {
      const auto heard = receive();
      if (const auto* kept = std::get_if<message::Kept>(&heard->message)) return kept->count;
      static_cast<void>(heard->as<message::Drained>());
    }
  }

  void hello_client() {
    message::Hello hello;
    hello.name = "peer";
    hello.instance = Uuid::make();
    send(hello);
    static_cast<void>(receive()->as<message::Welcome>());
  }
  void hello_consumer(std::uint32_t credit, InstanceId instance = Uuid::make(), std::vector<AttemptId> runs = {},
                      std::string_view queue = "default") {
    message::Hello hello;
    hello.role = message::Role::consumer;
    hello.name = "peer";
    hello.instance = instance;
    hello.consumer = {{queue}, 1, {"fib"}, message::pool::kThreads, std::move(runs)};
    send(hello);
    static_cast<void>(receive()->as<message::Welcome>());
    if (credit > 0) send(message::Credit{credit});
  }
  JobId submit(std::string_view queue = "default") {
    const JobId id = Uuid::make();
    send(message::Submit{true, {{id, "fib", queue, Bytes("\x91\x1e", 2), {}}}});
    return id;
  }

 private:
  static std::unique_ptr<Heard> read(std::string bytes) {
    auto heard = std::make_unique<Heard>();
    heard->bytes = std::move(bytes);
    auto decoded = heard->decoder.decode(heard->bytes);
    if (!decoded) throw std::runtime_error("the broker sent garbage: " + decoded.error().message);
    heard->message = std::move(*decoded);
    return heard;
  }

  SocketContext context_;
  Dealer dealer_;
  Flow flow_{FlowLimits{64U << 10, std::size_t{1} << 40, std::size_t{1} << 40, std::chrono::hours(1)}};
  Assembler assembler_;
  std::uint64_t received_ = 0;
  bool has_session_ = false;
};

}  // namespace zebu::test
