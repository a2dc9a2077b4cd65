#include "tests/support/captured_log.h"
#include "tests/support/catch.h"
#include "tests/support/eventually.h"
#include "tests/support/http.h"
#include "tests/support/server_fixture.h"

#include <nlohmann/json.hpp>

#include <algorithm>

// What any program can do with lib/http.
using namespace zebu;
using namespace std::chrono_literals;
using test::get_large;
using test::HttpConnection;
using test::kGetLarge;
using test::kGetSome;
using test::kLargeBody;
using test::ServerFixture;
using test::status_of_new_connection;
using test::usual;

TEST_CASE_METHOD(ServerFixture, "a server serves its own routes under its own name") {
  auto client = connect();
  const auto reply = client.request({.target = "/names/zebu"});
  CHECK(reply.status == 200);
  CHECK(reply.body == "zebu");
  CHECK(reply.header("server") == "ox/1");
  CHECK(client.request({.target = "/other"}).status == 404);
}

TEST_CASE_METHOD(ServerFixture, "a handler's exception is a problem, and the connection goes on") {
  const test::CapturedLog log;
  auto client = connect();
  const auto reply = client.request({.target = "/throws"});
  CHECK(reply.status == 500);
  CHECK(nlohmann::json::parse(reply.body)["type"] == "urn:zebu:problem:internal");
  CHECK(client.request({.target = "/names/next"}).body == "next");
  client.close();
  stop();
  CHECK(log.count("handler_failed") == 1);
}

TEST_CASE_METHOD(ServerFixture, "a client that hangs up cancels its request") {
  auto client = connect();
  client.send("GET /waits HTTP/1.1\r\nHost: x\r\n\r\n");
  REQUIRE(has_begun.get_future().wait_for(10s) == std::future_status::ready);
  client.close();
  auto cancelled = was_cancelled.get_future();
  REQUIRE(cancelled.wait_for(10s) == std::future_status::ready);
  CHECK(cancelled.get() == http::Ending::hung_up);
}

TEST_CASE_METHOD(ServerFixture, "a client that has ended its sending side gets its response") {
  auto client = connect();
  client.send("GET /waits HTTP/1.1\r\nHost: x\r\n\r\nGET /names/next HTTP/1.1\r\nHost: x\r\n\r\n");
  client.finish_sending();
  CHECK(client.receive(10s, true).status == 100);  // it is asked whether it still reads
  CHECK(was_cancelled.get_future().wait_for(0s) == std::future_status::timeout);
  wake();
  CHECK(client.receive().status == 200);
  CHECK(client.receive().body == "next");
  CHECK(client.closes());
}

TEST_CASE_METHOD(ServerFixture,
                 "a client of HTTP/1.0 that has ended its sending side gets its response, and nothing before") {
  auto client = connect();
  client.send("GET /waits HTTP/1.0\r\n\r\n");
  client.finish_sending();
  REQUIRE(has_begun.get_future().wait_for(10s) == std::future_status::ready);
  // A later request is handled after the end of this client's was seen.
  CHECK(connect().request({.target = "/names/a"}).status == 200);
  wake();
  CHECK(client.receive().status == 200);
}

TEST_CASE_METHOD(ServerFixture, "a client that hangs up after it has ended its sending side cancels its request") {
  auto client = connect();
  client.send("GET /waits HTTP/1.1\r\nHost: x\r\n\r\n");
  client.finish_sending();
  CHECK(test::eventually([&] { return client.has_input(); }));
  client.close();
  auto cancelled = was_cancelled.get_future();
  REQUIRE(cancelled.wait_for(10s) == std::future_status::ready);
  CHECK(cancelled.get() == http::Ending::hung_up);
}

TEST_CASE_METHOD(ServerFixture, "a stop asks requests that outlive the grace time for a response, and sends it") {
  const test::CapturedLog log;
  auto client = connect();
  client.send("GET /waits HTTP/1.1\r\nHost: x\r\n\r\n");
  REQUIRE(has_begun.get_future().wait_for(10s) == std::future_status::ready);
  begin_stop();
  const auto reply = client.receive();
  CHECK(reply.status == 200);
  CHECK(reply.header("connection") == "close");
  CHECK(was_cancelled.get_future().get() == http::Ending::stopping);
  client.close();
  stop();
  CHECK(log.count("grace_over", {{"count", 1}}) == 1);
}

TEST_CASE_METHOD(ServerFixture,
                 "connections past the limit of this server are refused, unless they ask for its health") {
  const test::CapturedLog log;
  auto first = connect();
  auto second = connect();
  REQUIRE(first.request({.target = "/names/a"}).status == 200);
  REQUIRE(second.request({.target = "/names/b"}).status == 200);
  auto third = connect();
  CHECK(third.request({.target = "/names/c"}).status == 503);
  CHECK(third.closes());
  auto fourth = connect();
  const auto health = fourth.request({.target = "/health"});
  CHECK(health.status == 200);
  CHECK(health.header("connection") == "close");
  CHECK(fourth.closes());
  auto with_body = connect();
  with_body.send("POST /names/a HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n");
  CHECK(with_body.receive().status == 503);
  first.close();
  second.close();
  // Three came past the limit within a moment, and after 5 s without another one that is said.
  REQUIRE(test::eventually([&] { return log.count("connections_free") == 1; }, 20s));
  stop();
  CHECK(log.count("connections_full", {{"count", 2}}) == 1);
  CHECK(log.count("connections_free", {{"count", 3}}) == 1);
}

TEST_CASE_METHOD(ServerFixture,
                 "a connection past the limit that says nothing is told so, and does not keep others out") {
  auto first = connect();
  auto second = connect();
  REQUIRE(first.request({.target = "/names/a"}).status == 200);
  REQUIRE(second.request({.target = "/names/b"}).status == 200);
  std::vector<HttpConnection> silent;
  for (std::size_t i = 0; i < 2 * http::kMaxRefusals; ++i) silent.push_back(connect());
  CHECK(connect().request({.target = "/health"}).status == 200);
  CHECK(silent.back().receive().status == 503);
}

TEST_CASE("all addresses are those of IPv4 and of IPv6") {
  http::ServerOptions options = usual();
  options.listen = "*:0";
  ServerFixture server(options);
  CHECK(server.connect().request({.target = "/names/a"}).status == 200);
  CHECK(server.connect("::1").request({.target = "/names/b"}).status == 200);
}

TEST_CASE("an address of IPv6 may be listened on") {
  http::ServerOptions options = usual();
  options.listen = "[::1]:0";
  ServerFixture server(options);
  CHECK(server.connect("::1").request({.target = "/names/a", .headers = {{"Host", "[::1]"}}}).status == 200);
}

TEST_CASE("clients that read none of many small responses are let go when they hold too much together") {
  http::ServerOptions options = usual();
  options.max_buffered = 100'000;
  options.max_connections = 100;
  ServerFixture server(options);
  std::string many;
  for (int i = 0; i < 500; ++i) many += test::to_bytes({.target = "/bytes/60000"});
  std::vector<HttpConnection> deaf;
  for (int i = 0; i < 8; ++i) {
    deaf.push_back(server.connect());
    deaf.back().send(many);
  }
  const auto open = [&] { return std::count_if(deaf.begin(), deaf.end(), [](auto& one) { return !one.is_reset(); }); };
  CHECK(test::eventually([&] { return open() <= 2; }, 60s));
  CHECK(server.connect().request({.target = "/names/a"}).status == 200);
}

TEST_CASE("a connection that is idle after a large response is let go") {
  http::ServerOptions options = usual();
  options.idle_timeout = 300ms;
  ServerFixture server(options);
  auto idle = server.connect();
  CHECK(idle.request(kGetSome).body.size() == 100'000);
  CHECK(idle.closes());
}

TEST_CASE("a request after a large response has the time of any other") {
  http::ServerOptions options = usual();
  options.header_timeout = 300ms;
  ServerFixture server(options);
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
  ServerFixture server(options);
  auto deaf = server.connect();
  deaf.send(test::to_bytes(kGetLarge));
  // It has the only connection that this server may have, until it is let go.
  CHECK(test::eventually([&] { return status_of_new_connection(server) == 200; }, 30s));
}

TEST_CASE_METHOD(ServerFixture, "a client that sends requests and reads no response is let go when all hold too much") {
  const test::CapturedLog log;
  auto first = connect();
  first.send(test::to_bytes(kGetLarge));
  auto second = connect();
  REQUIRE(test::eventually([&] { return get_large(second).status == 503; }, 60s));
  std::string requests;
  for (int i = 0; i < 2000; ++i) requests += "GET / HTTP/1.1\r\nHost: x\r\n\r\n";  // 404, with more bytes
  const auto send_for_ever = [&] {
    while (true) second.send(requests);
  };
  CHECK_THROWS(send_for_ever());
  first.close();
  stop();
  CHECK(log.count("reader_dropped") == 1);
}

TEST_CASE("a stop does not wait for connections that had a large response and are idle") {
  http::ServerOptions options = usual();
  options.grace = 10min;
  ServerFixture server(options);
  auto client = server.connect();
  CHECK(client.request(kGetSome).body.size() == 100'000);
  server.begin_stop();
  CHECK(server.has_stopped.get_future().wait_for(test::scaled(20s)) == std::future_status::ready);
  client.close();
}

TEST_CASE_METHOD(ServerFixture,
                 "large responses that wait to be read have a limit together, and small ones do not count") {
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

TEST_CASE_METHOD(ServerFixture, "the head of a large response is no large response") {
  auto client = connect();
  const auto head = client.request({.method = "HEAD", .target = kGetLarge.target});
  CHECK(head.header("content-length") == std::to_string(kLargeBody));
  CHECK(client.request({.target = "/names/next"}).body == "next");
}

TEST_CASE("bodies that are being received count in the same limit") {
  http::ServerOptions options = usual();
  options.max_buffered = 100'000;
  ServerFixture server(options);
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
