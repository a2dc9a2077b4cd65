#pragma once

#include "tests/support/eventually.h"
#include "tests/support/peer.h"
#include "zebu/wire/codec.h"
#include "zebu/wire/socket.h"

#include <stdexcept>
#include <string>

// A broker that says what a test wants, word by word, to one client.
namespace zebu::test {

class FakeBroker {
 public:
  FakeBroker() : router_(*Router::bind(context_, "tcp://127.0.0.1:*", {})), idle_(*Router::bind(context_, kAny, {})) {}

  const std::string& endpoint() const { return router_.endpoint(); }

  // To whom was heard last.
  void say(const message::Message& message) { static_cast<void>(router_.send(peer_, encode(message))); }

  // The next message that is no BEAT; throws when none comes.
  std::unique_ptr<Heard> hear(std::chrono::milliseconds limit = std::chrono::seconds(5)) {
    const auto deadline = Clock::now() + scaled(limit);
    Received received;
    while (true) {
      while (router_.receive(received)) {
        auto heard = std::make_unique<Heard>();
        heard->bytes = received.frame();
        auto decoded = heard->decoder.decode(heard->bytes);
        if (!decoded) throw std::runtime_error("the client sent garbage: " + decoded.error().message);
        heard->message = std::move(*decoded);
        peer_ = received.peer();
        if (std::holds_alternative<message::Beat>(heard->message)) {
          say(message::Beat{});
        } else if (!is_of_the_flow(heard->message)) {
          return heard;
        }
      }
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
      if (left.count() <= 0) throw std::runtime_error("no message from the client in time");
      static_cast<void>(wait_readable(router_, idle_, -1, -1, left));
    }
  }
  template <class T>
  std::unique_ptr<Heard> hear_a() {
    auto heard = hear();
    static_cast<void>(heard->template as<T>());
    return heard;
  }

  // HELLO, WELCOME: a fresh session with the client.
  void welcome(std::uint32_t grant = 100) {
    static_cast<void>(hear_a<message::Hello>());
    message::Welcome welcome;
    welcome.instance = Uuid::make();
    welcome.grant = grant;
    welcome.beat = std::chrono::seconds(1);
    welcome.liveness = scaled(std::chrono::seconds(5));
    welcome.max_message = message::kDefaultMaxMessage;
    welcome.max_part = 1U << 30;  // all is sent whole, and nothing need be acknowledged
    say(welcome);
  }
  // The client's connection breaks, and it comes back.
  void break_session() {
    say(message::ErrorReport{ErrorCode::no_session, "say HELLO first"});
    welcome();
  }
  // The id of the one job in the SUBMIT that must come next.
  JobId hear_submit() { return hear_a<message::Submit>()->as<message::Submit>().jobs.at(0).id; }

  // The next message is about this job alone.
  template <class T>
  bool hears_about(const JobId& id) {
    return hear_a<T>()->template as<T>().ids == std::vector<JobId>{id};
  }

 private:
  static constexpr const char* kAny = "tcp://127.0.0.1:*";
  SocketContext context_;
  Router router_;
  Router idle_;  // wait_readable takes two
  std::string peer_;
};

}  // namespace zebu::test
