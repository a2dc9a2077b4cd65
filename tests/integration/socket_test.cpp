#include "zebu/wire/socket.h"

#include "tests/support/catch.h"
#include "tests/support/eventually.h"

#include <zmq.hpp>

#include <atomic>
#include <csignal>
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

Frame frame_of(std::size_t bytes) {
  Frame frame;
  frame.buffer.assign(bytes, 'x');
  return frame;
}

bool hears(Router& router, Received& into) {
  return eventually([&] {
    (void)wait_readable(router, router, -1, -1, std::chrono::milliseconds(10));
    return router.receive(into);
  });
}

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

TEST_CASE("data for a peer that does not read is bounded, and other peers get theirs meanwhile") {
  constexpr std::size_t kMessage = 100'000;
  const bool at_once = GENERATE(false, true);
  SocketContext context;
  SocketLimits limits;
  limits.max_unread = at_once ? 1000 : 2'000'000;
  limits.patience = at_once ? std::chrono::hours(1) : std::chrono::milliseconds(1);
  if (at_once) limits.max_ready = 2'000'000;
  auto router = Router::bind(context, "tcp://127.0.0.1:*", limits);
  REQUIRE(router);
  zmq::context_t other;
  zmq::socket_t deaf(other, zmq::socket_type::dealer);  // takes one message, and no more before that is read
  deaf.set(zmq::sockopt::rcvhwm, 1);
  deaf.set(zmq::sockopt::linger, 0);
  deaf.connect(router->endpoint());
  deaf.send(zmq::str_buffer("here"));
  Received from_deaf;
  REQUIRE(hears(*router, from_deaf));
  // The kernel takes some megabytes too.
  int sent = 0;
  CHECK(eventually([&] {  // ZeroMQ's thread and the kernel take some, until they are full
    for (int i = 0; i < 10; ++i, ++sent) {
      if (!router->send(from_deaf.peer(), frame_of(kMessage))) return true;
    }
    return false;
  }));
  CHECK(sent >= 20);
  CHECK(router->is_behind(from_deaf.peer()));
  auto dealer = Dealer::connect(context, router->endpoint(), {});
  REQUIRE(dealer);
  dealer->send(frame_of(5));
  Received from_dealer;
  REQUIRE(hears(*router, from_dealer));
  CHECK(router->send(from_dealer.peer(), frame_of(kMessage)));
  // Once it has read all, it can be sent to again.
  zmq::message_t message;
  int read = 0;
  REQUIRE(eventually([&] {
    while (deaf.recv(message, zmq::recv_flags::dontwait)) ++read;
    return read == sent;
  }));
  CHECK(eventually([&] { return router->send(from_deaf.peer(), frame_of(kMessage)); }));
}

TEST_CASE("a peer that reads may have much ready for it at once") {
  SocketContext context;
  SocketLimits limits;
  limits.max_unread = 1000;
  auto router = Router::bind(context, "tcp://127.0.0.1:*", limits);
  REQUIRE(router);
  auto dealer = Dealer::connect(context, router->endpoint(), {});
  REQUIRE(dealer);
  dealer->send(frame_of(5));
  Received received;
  REQUIRE(hears(*router, received));
  for (int i = 0; i < 1000; ++i) REQUIRE(router->send(received.peer(), frame_of(100'000)));
}
