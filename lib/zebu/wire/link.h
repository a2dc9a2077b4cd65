#pragma once

#include "zebu/asio.h"
#include "zebu/wire/assembler.h"
#include "zebu/wire/flow.h"
#include "zebu/wire/hearing.h"
#include "zebu/wire/reach.h"
#include "zebu/wire/socket.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>

namespace zebu {

struct LinkOptions {
  std::string endpoint = "tcp://127.0.0.1:5555";
  // How long the broker may be silent, until WELCOME announces its own value.
  std::chrono::milliseconds liveness{3000};
  SocketLimits limits;
  // Set: the link lets the broker confirm what it has heard, and calls Handlers::unheard this long before the broker
  // may give this peer up; but not before half the liveness time has passed.
  std::optional<std::chrono::milliseconds> unheard_margin = {};
  // For Handlers::waiting: how long there has been no session when it is called first, and how often after that.
  std::chrono::milliseconds say_after{5'000};
  std::chrono::milliseconds say_again{60'000};
};

// A peer's session with the broker, in an Asio loop. It watches a DEALER's descriptor, sends HELLO, exchanges beats,
// and after silence opens a new socket and sends HELLO again, for ever. The owner handles all other messages. Silence
// is counted while the loop listens: after a pause of its own it reads first what has come.
//
// Call it from the loop's thread only; all handlers run there. Handlers may call send() and close(), but must not
// destroy the link.
class Link {
 public:
  struct Handlers {
    // Makes the HELLO for a new session; called for every connection.
    std::function<Frame()> hello;
    // The session is up: send the messages that a new session needs.
    std::function<void(const message::Welcome&)> up;
    // The session is gone. The link is already trying to open a new one.
    std::function<void(const Error&)> down;
    // Gets every message except WELCOME, BEAT, the ERRORs that end a session, and ECHO if the link sends its own (see
    // unheard_margin). Views are valid during the call.
    std::function<void(const message::Message&)> message;
    // Called once per round of the loop: send() the entries that have gathered.
    std::function<void()> flush;
    // The broker refuses this peer for good (another major version, wrong port, another process with this instance).
    // The link stays down.
    std::function<void(const Error&)> refused;
    // The broker does not take this peer now, and the link tries again: called when the reason is another one than
    // before. May be empty.
    std::function<void(const Error&)> put_off = nullptr;
    // For LinkOptions::unheard_margin: the broker is not known to have heard this peer for so long that it may give it
    // up soon. A new HELLO follows. Called once, until a session has begun again.
    std::function<void()> unheard = nullptr;
    // There has been no session for `time`: why, as far as a look at the endpoint shows (Look), or the broker has said.
    // The link keeps trying. May be empty.
    std::function<void(const Finding&, std::chrono::milliseconds time)> waiting = nullptr;
  };

  Link(boost::asio::io_context& loop, SocketContext& context, LinkOptions options, Handlers handlers);
  ~Link();
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  // Starts connecting. Fails only if the endpoint is malformed. An unreachable broker is not an error: the link keeps
  // trying.
  [[nodiscard]] Result<void> start();
  [[nodiscard]] bool is_up() const { return up_; }
  // Why the broker did not take this peer when it was asked last; unset: it took it, or has not answered.
  [[nodiscard]] const std::optional<Error>& why_put_off() const { return put_off_; }
  // The WELCOME of the session that is up.
  [[nodiscard]] const message::Welcome& welcome() const { return welcome_; }

  // Sends a message in the session that is up, in parts if it is long; it may wait until the broker has acknowledged
  // earlier ones. Without a session the message is dropped, because the next session starts afresh.
  void send(Frame frame);
  // Requests a call of Handlers::flush in the next round of the loop. Cheap if one was already requested.
  void request_flush();
  // Sends BYE if the session is up, and closes for good. Messages sent before still leave, for at most `linger`.
  void close(std::chrono::milliseconds linger = std::chrono::milliseconds(1000));

 private:
  void open();
  void reopen(const Error& why);
  void watch();
  void drain();
  void receive_some();
  void handle(Bytes frame);
  void handle(const message::Message& message);
  void handle_welcome(const message::Welcome& welcome);
  void handle_part(const message::Part& part);
  [[nodiscard]] bool handle_flow(const message::Message& message);
  void hand_over(Frame frame);
  [[nodiscard]] std::uint64_t owed() const { return received_bytes_ - acknowledged_; }
  void acknowledge();
  void put_acknowledgement();
  void put(Frame frame);
  void handle_error(const message::ErrorReport& report);
  void put_off(Error why, std::chrono::milliseconds time);
  [[nodiscard]] std::chrono::milliseconds beat() const {
    return std::max(welcome_.beat, std::chrono::milliseconds(10));
  }
  void schedule_tick();
  void tick();
  void say_what_is_awaited(TimePoint now);
  void begin_waiting();
  void ask_whether_heard(TimePoint now);
  void note_heard();
  void give_up_unheard();

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
  FlowLimits flow_limits_;
  Flow flow_;                         // of the session that is up
  Assembler assembler_;               // likewise
  std::uint64_t received_bytes_ = 0;  // in it
  std::uint64_t acknowledged_ = 0;    // of them, by us
  bool acknowledge_now_ = false;
  Silence silence_;
  TimePoint last_sent_{};
  Hearing hearing_;
  std::optional<TimePoint> unheard_at_;
  bool has_more_ = false;  // input that a round has left for the next one
  // The number of the current socket. A posted handler compares it with the number it was posted for, and does nothing
  // if the socket is an older one or the link is destroyed. (shared_ptr: posted handlers may outlive the link.)
  std::shared_ptr<std::uint64_t> generation_ = std::make_shared<std::uint64_t>(0);
  std::optional<Error> put_off_;
  std::optional<TimePoint> hello_again_at_;
  TimePoint waiting_since_{};  // without a session
  TimePoint say_at_{};         // that this is so
  std::optional<Look> look_;
  bool up_ = false;
  bool closed_ = false;
  bool draining_ = false;
  bool has_sent_ = false;
  bool flush_requested_ = false;
  bool reopen_requested_ = false;
};

}  // namespace zebu
