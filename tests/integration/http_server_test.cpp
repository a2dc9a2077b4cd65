#include "http/cancellation.h"
#include "http/routes.h"
#include "http/server.h"
#include "tests/support/catch.h"
#include "tests/support/eventually.h"
#include "tests/support/http.h"
#include "zebu/job.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <nlohmann/json.hpp>

#include <future>
#include <thread>

// A server of its own routes, in this process: what any program can do with lib/http.
using namespace zebu;
using namespace std::chrono_literals;
using test::HttpConnection;

namespace {

constexpr std::size_t kLarge = 16U << 20;  // more than the kernel takes for a client that reads nothing

http::ServerOptions usual() {
  return {.name = "ox/1", .listen = "127.0.0.1:0", .max_buffered = kLarge + 1, .max_connections = 2, .grace = 50ms};
}

// Serves in a thread. /name responds at once, /throws fails, /waits responds when its request is cancelled,
// /bytes/N has N bytes.
class Fixture {
 public:
  explicit Fixture(http::ServerOptions options = usual()) : options_(std::move(options)) {
    REQUIRE(server_.start());
    const std::string address = server_.address();
    port_ = static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1)));
    thread_ = std::thread([this] { loop_.run(); });
  }
  ~Fixture() { stop(); }
  Fixture(const Fixture&) = delete;
  Fixture& operator=(const Fixture&) = delete;

  void stop() {
    if (!thread_.joinable()) return;
    if (!std::exchange(is_stopping_, true)) begin_stop();
    thread_.join();
  }
  void begin_stop() {
    is_stopping_ = true;
    boost::asio::post(loop_, [this] { server_.stop([this] { has_stopped.set_value(); }); });
  }
  HttpConnection connect() { return HttpConnection(port_); }

  std::promise<void> has_begun{};
  std::promise<std::string> was_cancelled{};
  std::promise<void> has_stopped{};

 private:
  http::Answer name(const http::Request& request) {
    co_return http::Response{200, http::kText, std::string(request.parameter), {}};
  }
  http::Answer throws(const http::Request&) {
    if (port_ != 0) throw std::runtime_error("planned");
    co_return http::Response{};
  }
  http::Answer waits(const http::Request& request) {
    boost::asio::steady_timer woken(loop_, TimePoint::max());
    request.cancellation->listen([&](const Error& why) {
      was_cancelled.set_value(why.message);
      woken.cancel();
    });
    has_begun.set_value();
    try {
      co_await woken.async_wait(boost::asio::use_awaitable);
    } catch (const boost::system::system_error&) {  // woken
    }
    request.cancellation->listen({});
    co_return http::Response{};
  }

  http::Answer bytes(const http::Request& request) {
    const std::size_t size = std::stoul(std::string(request.parameter));
    co_return http::Response{200, http::kText, std::string(size, 'x'), "Location: /there\r\n"};
  }

  boost::asio::io_context loop_{1};
  http::Routes routes_{{{http::Method::get, "/names/{name}", [this](const http::Request& r) { return name(r); }, false},
                        {http::Method::get, "/throws", [this](const http::Request& r) { return throws(r); }, false},
                        {http::Method::get, "/bytes/{n}", [this](const http::Request& r) { return bytes(r); }, true},
                        {http::Method::get, "/waits", [this](const http::Request& r) { return waits(r); }, true}},
                       "none here"};
  http::ServerOptions options_;
  http::Server server_{loop_, options_, routes_};
  std::uint16_t port_ = 0;
  std::thread thread_{};
  bool is_stopping_ = false;
};

const test::HttpRequest kGetLarge{.target = "/bytes/" + std::to_string(kLarge)};
// Large, but the kernel takes all of it at once.
const test::HttpRequest kGetSome{.target = "/bytes/100000"};

// A refused connection may be closed before the request is sent.
int status_of_new_connection(Fixture& server) {
  try {
    return server.connect().request({.target = "/names/a"}).status;
  } catch (const std::exception&) {
    return 0;
  }
}

// A busy machine may take long for so many bytes.
test::HttpReply get_large(HttpConnection& client) { return client.request(kGetLarge, 60s); }

}  // namespace

TEST_CASE_METHOD(Fixture, "a server serves its own routes under its own name") {
  auto client = connect();
  const auto reply = client.request({.target = "/names/zebu"});
  CHECK(reply.status == 200);
  CHECK(reply.body == "zebu");
  CHECK(reply.header("server") == "ox/1");
  CHECK(client.request({.target = "/other"}).status == 404);
}

TEST_CASE_METHOD(Fixture, "a handler's exception is a problem, and the connection goes on") {
  auto client = connect();
  const auto reply = client.request({.target = "/throws"});
  CHECK(reply.status == 500);
  CHECK(nlohmann::json::parse(reply.body)["type"] == "urn:zebu:problem:internal");
  CHECK(client.request({.target = "/names/next"}).body == "next");
}

TEST_CASE_METHOD(Fixture, "a client that hangs up cancels its request") {
  auto client = connect();
  client.send("GET /waits HTTP/1.1\r\nHost: x\r\n\r\n");
  REQUIRE(has_begun.get_future().wait_for(10s) == std::future_status::ready);
  client.close();
  auto cancelled = was_cancelled.get_future();
  REQUIRE(cancelled.wait_for(10s) == std::future_status::ready);
  CHECK(cancelled.get() == "the client hung up");
}

TEST_CASE_METHOD(Fixture, "a stop cancels requests that outlive the grace time") {
  auto client = connect();
  client.send("GET /waits HTTP/1.1\r\nHost: x\r\n\r\n");
  REQUIRE(has_begun.get_future().wait_for(10s) == std::future_status::ready);
  stop();
  CHECK(was_cancelled.get_future().get() == "the server is stopping");
}

TEST_CASE_METHOD(Fixture, "connections past the limit of this server are refused") {
  auto first = connect();
  auto second = connect();
  REQUIRE(first.request({.target = "/names/a"}).status == 200);
  REQUIRE(second.request({.target = "/names/b"}).status == 200);
  auto third = connect();
  CHECK(third.receive().status == 503);
  CHECK(third.closes());
}

TEST_CASE("a connection that is idle after a large response is let go") {
  http::ServerOptions options = usual();
  options.idle_timeout = 300ms;
  Fixture server(options);
  auto idle = server.connect();
  CHECK(idle.request(kGetSome).body.size() == 100'000);
  CHECK(idle.closes());
}

TEST_CASE("a request after a large response has the time of any other") {
  http::ServerOptions options = usual();
  options.header_timeout = 300ms;
  Fixture server(options);
  auto slow = server.connect();
  CHECK(slow.request(kGetSome).body.size() == 100'000);
  slow.send("GET /na");
  CHECK(slow.receive().status == 408);
  CHECK(slow.closes());
}

TEST_CASE("a client that reads nothing of a large response is let go") {
  http::ServerOptions options = usual();
  options.idle_timeout = 300ms;
  options.max_connections = 1;
  Fixture server(options);
  auto deaf = server.connect();
  deaf.send(test::to_bytes(kGetLarge));
  // It has the only connection that this server may have, until it is let go.
  CHECK(test::eventually([&] { return status_of_new_connection(server) == 200; }, 30s));
}

TEST_CASE("a stop does not wait for connections that had a large response and are idle") {
  http::ServerOptions options = usual();
  options.grace = 10min;
  Fixture server(options);
  auto client = server.connect();
  CHECK(client.request(kGetSome).body.size() == 100'000);
  server.begin_stop();
  CHECK(server.has_stopped.get_future().wait_for(test::scaled(20s)) == std::future_status::ready);
  client.close();
}

TEST_CASE_METHOD(Fixture, "large responses that wait to be read have a limit together, and small ones do not count") {
  auto deaf = connect();
  deaf.send(test::to_bytes(kGetLarge));
  auto other = connect();
  test::HttpReply reply;
  // Until the first one is on its way.
  REQUIRE(test::eventually([&] { return (reply = get_large(other)).status == 503; }, 60s));
  CHECK(nlohmann::json::parse(reply.body)["type"] == "urn:zebu:problem:overloaded");
  CHECK(reply.header("retry-after") == "1");
  CHECK(reply.header("location") == "/there");
  CHECK(other.request({.target = "/names/zebu"}).body == "zebu");
  deaf.close();
  CHECK(test::eventually([&] { return get_large(other).status == 200; }, 60s));
}

TEST_CASE_METHOD(Fixture, "the head of a large response is no large response") {
  auto client = connect();
  const auto head = client.request({.method = "HEAD", .target = kGetLarge.target});
  CHECK(head.header("content-length") == std::to_string(kLarge));
  CHECK(client.request({.target = "/names/next"}).body == "next");
}

TEST_CASE("bodies that are being received count in the same limit") {
  http::ServerOptions options = usual();
  options.max_buffered = 100'000;
  Fixture server(options);
  const std::string header = "POST /names/x HTTP/1.1\r\nHost: x\r\nContent-Length: 90001\r\n\r\n";
  auto first = server.connect();
  auto second = server.connect();
  for (HttpConnection* client : {&first, &second}) client->send(header + std::string(90'000, 'x'));
  // A body that is not complete is not answered, unless there is no room for it.
  REQUIRE(test::eventually([&] { return first.has_input() || second.has_input(); }));
  const bool is_first = first.has_input();
  CHECK((is_first ? first : second).receive().status == 503);
  HttpConnection& other = is_first ? second : first;
  other.send("x");
  CHECK(other.receive().status == 405);
}

TEST_CASE("a server says why it cannot listen") {
  boost::asio::io_context loop;
  const http::Routes routes({}, "");
  const http::ServerOptions options{.name = "ox/1", .listen = "127.0.0.1"};
  http::Server server(loop, options, routes);
  const auto started = server.start();
  REQUIRE_FALSE(started);
  CHECK(started.error().message == "cannot listen on '127.0.0.1': use HOST:PORT");
}

// The loop is held until the server's timer has expired as well, so that both are handled in one round.
TEST_CASE("a stop at the moment of the server's own timer is a stop") {
  boost::asio::io_context loop(1);
  const http::Routes routes({}, "none here");
  const http::ServerOptions options{.name = "ox/1", .listen = "127.0.0.1:0"};
  http::Server server(loop, options, routes);
  REQUIRE(server.start());
  bool has_stopped = false;
  boost::asio::steady_timer first(loop, 1ms);
  first.async_wait([&](const auto&) { server.stop([&] { has_stopped = true; }); });
  const auto later = std::chrono::steady_clock::now() + 400ms;
  boost::asio::post(loop, [&] {
    while (std::chrono::steady_clock::now() < later) {
    }
  });
  loop.run_for(test::scaled(10s));
  CHECK(has_stopped);
  CHECK(loop.stopped());
}
