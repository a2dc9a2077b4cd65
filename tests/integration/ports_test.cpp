#include "broker/server/ports.h"

#include "tests/support/catch.h"
#include "tests/support/eventually.h"
#include "tests/support/peer.h"

namespace zebu::broker {

using zebu::test::eventually;
using zebu::test::frame_of;

namespace {

struct Harbour {
  SocketContext context;
  Ports ports;

  explicit Harbour(const UnreadLimits& unread)
      : ports(*Router::bind(context, "tcp://127.0.0.1:*", {}), *Router::bind(context, "tcp://127.0.0.1:*", {}),
              FlowLimits{1000, 1000, 8000, std::chrono::hours(1)}, unread) {}

  // A client that says a word, and its session.
  std::pair<Dealer, SessionId> client() {
    Dealer dealer = *Dealer::connect(context, ports.clients().socket.endpoint(), {});
    dealer.send(Frame{"hello"});
    Received received;
    const bool is_there = eventually([&] {
      (void)wait_readable(ports.clients().socket, ports.consumers().socket, -1, -1, std::chrono::milliseconds(10));
      return ports.clients().socket.receive(received);
    });
    if (!is_there) throw std::runtime_error("nobody came");
    return {std::move(dealer), ports.open(ports.clients(), received.peer())};
  }
};

}  // namespace

TEST_CASE("a peer that acknowledges nothing gets a window, and is gone when much waits for it and its time is up") {
  const bool at_once = GENERATE(false, true);
  UnreadLimits limits{20'000, std::chrono::milliseconds(1), 1 << 30};
  if (at_once) limits = {20'000, std::chrono::hours(1), 40'000};
  Harbour harbour(limits);
  auto [deaf, session] = harbour.client();
  auto [other, neighbour] = harbour.client();
  bool is_gone = false;
  int sent = 0;
  CHECK(eventually([&] {
    harbour.ports.send(session, frame_of(900));
    ++sent;
    for (const SessionId each : harbour.ports.take_unreachable()) is_gone = is_gone || each == session;
    return is_gone;
  }));
  CHECK(sent > 20);
  CHECK(harbour.ports.is_behind(session));
  harbour.ports.send(session, frame_of(900));  // dropped, and said once only
  CHECK(harbour.ports.take_unreachable().empty());

  Received received;
  std::size_t got = 0;
  while (deaf.receive(received)) got += received.frame().size();
  CHECK(got <= 2'000);
  harbour.ports.send(neighbour, frame_of(900));
  CHECK(eventually([&] { return other.receive(received); }));
  CHECK_FALSE(harbour.ports.is_behind(neighbour));
}

TEST_CASE("a peer that acknowledges may have much waiting, and what it sends is acknowledged") {
  Harbour harbour({20'000, std::chrono::milliseconds(1), 1 << 30});
  auto [dealer, session] = harbour.client();
  for (int i = 0; i < 20; ++i) harbour.ports.send(session, frame_of(900));
  std::uint64_t got = 0;
  Received received;
  CHECK(eventually([&] {
    while (dealer.receive(received)) got += received.frame().size();
    if (got > 0) CHECK(harbour.ports.acknowledged(session, got, Clock::now()));
    return got == 20 * 900;
  }));
  CHECK_FALSE(harbour.ports.acknowledged(session, got + 1, Clock::now()));
  harbour.ports.received(session, 200, false);
  harbour.ports.acknowledge();
  harbour.ports.send(session, frame_of(900));
  CHECK(eventually([&] { return dealer.receive(received); }));
  CHECK(received.frame().size() == 900);  // 200 are no quarter of a part: no ACK goes along
  Decoder decoder;
  const auto acknowledged = [&] {
    CHECK(eventually([&] { return dealer.receive(received); }));
    const auto message = decoder.decode(received.frame());
    return message ? std::get<message::Ack>(*message).bytes : 0;
  };
  harbour.ports.received(session, 60, false);
  harbour.ports.send(session, frame_of(900));
  CHECK(eventually([&] { return dealer.receive(received); }));
  CHECK(received.frame().size() == 900);
  CHECK(acknowledged() == 260);  // behind it
  harbour.ports.received(session, 999, false);
  harbour.ports.acknowledge();
  harbour.ports.received(session, 1, false);  // a whole part: an ACK comes by itself
  harbour.ports.acknowledge();
  CHECK(acknowledged() == 1'260);
}

}  // namespace zebu::broker
