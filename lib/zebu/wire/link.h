#pragma once

#include "zebu/asio.h"
#include "zebu/wire/codec.h"
#include "zebu/wire/socket.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <functional>
#include <memory>
#include <string>

namespace zebu {

struct LinkOptions {
  std::string endpoint = "tcp://127.0.0.1:5555";
  // How long the broker may be silent before WELCOME said what it wants.
  std::chrono::milliseconds liveness{3000};
  SocketLimits limits;
};

// A peer's session with the broker, inside an Asio loop: one DEALER whose descriptor the loop watches, HELLO, beats
// both ways, and after silence a new socket and HELLO again, for ever. What the session is for is its owner's business.
//
// One thread: all calls and all handlers run in the loop's. Handlers may call send() and close(), and must not destroy
// the link.
class Link {
 public:
  struct Handlers {
    // The HELLO for a fresh session; called for every connection.
    std::function<Frame()> hello;
    // The session is up: send what a fresh session needs.
    std::function<void(const message::Welcome&)> up;
    // The session is gone; the link is already at work on a new one.
    std::function<void(const Error&)> down;
    // Every message but WELCOME, BEAT and the ERRORs that end a session. Views live for the call.
    std::function<void(const message::Message&)> message;
    // Called once a round, before the link looks at what there is to send: hand over what has gathered with send().
    std::function<void()> flush;
    // The broker will never take us (another major version, wrong port). The link stays down.
    std::function<void(const Error&)> refused;
  };

  Link(boost::asio::io_context& loop, SocketContext& context, LinkOptions options, Handlers handlers);
  ~Link();
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  // Connects. An error is one of the endpoint; being unable to reach the broker is none.
  [[nodiscard]] Result<void> start();
  [[nodiscard]] bool is_up() const { return up_; }
  // Of the session that is up.
  [[nodiscard]] const message::Welcome& welcome() const { return welcome_; }

  // Sends a message of the session that is up; without one it is dropped, because the next session starts anew.
  void send(Frame frame);
  // Asks for one call of Handlers::flush when the loop next comes round; cheap when already asked.
  void request_flush();
  // Says BYE when up, and closes for good; what was sent still leaves, for at most `linger`.
  void close(std::chrono::milliseconds linger = std::chrono::milliseconds(1000));

 private:
  void open();
  void reopen(const Error& why);
  void watch();
  void drain();
  void handle(const message::Message& message);
  void handle_error(const message::ErrorReport& report);
  void schedule_tick();
  void tick();

  boost::asio::io_context& loop_;
  SocketContext& context_;
  LinkOptions options_;
  Handlers handlers_;
  std::optional<Dealer> dealer_;
  boost::asio::posix::stream_descriptor descriptor_;
  boost::asio::steady_timer timer_;
  Decoder decoder_;
  Received received_;
  message::Welcome welcome_;
  TimePoint last_heard_{};
  TimePoint last_sent_{};
  // What a handler posted for an older socket, or for a destroyed link, must not act: it holds the generation that it
  // was made for, and the link shares the newest. (shared_ptr: posted handlers may outlive the link.)
  std::shared_ptr<std::uint64_t> generation_ = std::make_shared<std::uint64_t>(0);
  bool up_ = false;
  bool closed_ = false;
  bool draining_ = false;
  bool has_sent_ = false;
  bool flush_requested_ = false;
  bool reopen_requested_ = false;
};

}  // namespace zebu
