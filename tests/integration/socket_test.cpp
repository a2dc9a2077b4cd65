#include "zebu/wire/socket.h"

#include "tests/support/catch.h"
#include "tests/support/eventually.h"
#include "tests/support/peer.h"

#include <zmq.hpp>

#include <atomic>
#include <csignal>
#include <poll.h>
#include <pthread.h>
#include <thread>

using namespace zebu;
using namespace zebu::test;

namespace {

std::atomic<int> signals = 0;

// Sends this thread one signal after the other, as long as it lives.
class SignalStorm {
 public:
  SignalStorm() {
    struct sigaction action {};
    action.sa_handler = [](int) { ++signals; };  // without SA_RESTART: calls are ended
    ::sigaction(SIGUSR1, &action, &before_);
    thread_ = std::thread([this, target = ::pthread_self()] {
      while (!is_over_) ::pthread_kill(target, SIGUSR1);
    });
  }
  ~SignalStorm() {
    is_over_ = true;
    thread_.join();
    ::sigaction(SIGUSR1, &before_, nullptr);
  }

 private:
  struct sigaction before_ {};
  std::atomic<bool> is_over_ = false;
  std::thread thread_;
};

}  // namespace

TEST_CASE("signals do not disturb a socket") {
  SocketContext context;
  auto router = Router::bind(context, "tcp://127.0.0.1:*", {});
  REQUIRE(router);
  auto dealer = Dealer::connect(context, router->endpoint(), {});
  REQUIRE(dealer);
  const SignalStorm storm;
  Received received;
  for (int exchanged = 0; exchanged < 10'000; ++exchanged) {
    dealer->send(frame_of(300));
    while (!router->receive(received)) (void)wait_readable(*router, *router, -1, -1, std::chrono::milliseconds(1));
    REQUIRE(received.frame().size() == 300);
    REQUIRE(router->send(received.peer(), frame_of(400)));
    while (!dealer->receive(received)) (void)dealer->has_input();
    REQUIRE(received.frame().size() == 400);
  }
  CHECK(signals > 0);
}

TEST_CASE("a socket that always has input does not hide the other one's") {
  SocketContext context;
  auto busy = Router::bind(context, "tcp://127.0.0.1:*", {});
  auto other = Router::bind(context, "tcp://127.0.0.1:*", {});
  REQUIRE((busy && other));
  auto crowd = Dealer::connect(context, busy->endpoint(), {});
  auto peer = Dealer::connect(context, other->endpoint(), {});
  REQUIRE((crowd && peer));
  crowd->send(frame_of(10));
  peer->send(frame_of(20));
  Received received;
  const auto receive = [&](Router& from) {
    return eventually([&] {
      (void)wait_readable(*busy, *other, -1, -1, std::chrono::milliseconds(1));
      return from.receive(received);
    });
  };
  REQUIRE(receive(*other));
  const std::string id(received.peer());
  CHECK_FALSE(other->receive(received));
  REQUIRE(busy->may_have_input());  // and nobody reads it
  for (int i = 0; i < 100; ++i) {
    // What comes while the broker sends may be noticed by that send, and by nothing after it.
    peer->send(frame_of(30));
    pollfd announced{other->descriptor(), POLLIN, 0};
    REQUIRE(::poll(&announced, 1, 5000) == 1);
    REQUIRE(other->send(id, frame_of(1)));
    REQUIRE(receive(*other));
    CHECK(received.frame().size() == 30);
    CHECK_FALSE(other->receive(received));
  }
}
