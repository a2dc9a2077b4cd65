#include "zebu/wire/reach.h"

#include "tests/support/catch.h"
#include "tests/support/eventually.h"
#include "zebu/wire/link.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <atomic>
#include <poll.h>
#include <thread>
#include <unistd.h>

using namespace std::chrono_literals;
using namespace zebu;
using zebu::test::scaled;

namespace {

// A TCP port, and what is there.
class TcpPort {
 public:
  TcpPort() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (::bind(listener_, reinterpret_cast<const sockaddr*>(&address), size) != 0 ||
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
      throw std::runtime_error("bind");
    }
    endpoint = "tcp://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  }
  ~TcpPort() {
    has_ended_ = true;
    if (thread_.joinable()) thread_.join();
    ::close(listener_);
  }
  TcpPort(const TcpPort&) = delete;
  TcpPort& operator=(const TcpPort&) = delete;

  void listen() const { ::listen(listener_, 8); }
  // Accepts connections; says this once something has come, and ends each connection.
  void answer(const std::string& words) {
    listen();
    thread_ = std::thread([this, words] {
      while (!has_ended_) {
        pollfd item{listener_, POLLIN, 0};
        if (::poll(&item, 1, 10) <= 0) continue;
        const int connection = ::accept(listener_, nullptr, nullptr);
        char bytes[256];
        static_cast<void>(::recv(connection, bytes, sizeof bytes, 0));
        static_cast<void>(::send(connection, words.data(), words.size(), MSG_NOSIGNAL));
        ::shutdown(connection, SHUT_WR);
        ::close(connection);
      }
    });
  }

  std::string endpoint;

 private:
  int listener_;
  std::atomic<bool> has_ended_ = false;
  std::thread thread_;
};

Finding look_at(const std::string& endpoint) {
  const Look look(endpoint);
  return look.wait_until(Clock::now() + scaled(40s)).value_or(Finding{"no finding in time", ""});
}

}  // namespace

TEST_CASE("a look at an endpoint says that no program listens there") {
  const TcpPort port;
  const Finding found = look_at(port.endpoint);
  CHECK(found.cause == "refused");
  CHECK(found.text.find(port.endpoint.substr(6)) != std::string::npos);
}

TEST_CASE("a look at an endpoint says that the name does not resolve") {
  const Finding found = look_at("tcp://no-such-name.invalid:5555");
  CHECK(found.cause == "unknown_name");
  CHECK(found.text.find("'no-such-name.invalid'") != std::string::npos);
}

TEST_CASE("a look at an endpoint says that nobody answers, as from a program that is stopped") {
  const TcpPort port;
  port.listen();
  CHECK(look_at(port.endpoint).cause == "silent");
}

TEST_CASE("a look at an endpoint says that it is an HTTP port, or that of another program") {
  TcpPort port;
  SECTION("HTTP") {
    port.answer("HTTP/1.1 400 Bad Request\r\n\r\n");
    const Finding found = look_at(port.endpoint);
    CHECK(found.cause == "http");
    CHECK(found.text.find("5556 for consumers") != std::string::npos);
  }
  SECTION("SSH") {
    port.answer("SSH-2.0-x\r\n");
    CHECK(look_at(port.endpoint).cause == "foreign");
  }
  SECTION("one that ends the connection") {
    port.answer("");
    CHECK(look_at(port.endpoint).cause == "closed");
  }
}

TEST_CASE("a look at an endpoint says that a ZeroMQ socket is there, and no broker behind it") {
  SocketContext context;
  const auto router = Router::bind(context, "tcp://127.0.0.1:*", {});
  REQUIRE(router);
  CHECK(look_at(router->endpoint()).cause == "no_welcome");
}

TEST_CASE("a link that waits says for what, again and again, and no more once it is up") {
  const TcpPort port;
  boost::asio::io_context loop;
  SocketContext context;
  std::vector<Finding> findings;
  Link::Handlers handlers;
  handlers.hello = [] { return encode(message::Hello{}); };
  handlers.up = [](const message::Welcome&) {};
  handlers.down = [](const Error&) {};
  handlers.message = [](const message::Message&) {};
  handlers.flush = [] {};
  handlers.refused = [](const Error&) {};
  handlers.waiting = [&](const Finding& why, std::chrono::milliseconds time) {
    CHECK(time >= 20ms);
    findings.push_back(why);
    if (findings.size() == 3) loop.stop();
  };
  LinkOptions options;
  options.endpoint = port.endpoint;
  options.liveness = 100ms;
  options.say_after = 20ms;
  options.say_again = 20ms;
  Link link(loop, context, options, std::move(handlers));
  REQUIRE(link.start());
  loop.run_for(scaled(30s));
  REQUIRE(findings.size() == 3);
  for (const Finding& each : findings) CHECK(each.cause == "refused");
  link.close();
}
