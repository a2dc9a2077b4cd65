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
