#include "tests/support/captured_log.h"
#include "tests/support/catch.h"
#include "tests/support/eventually.h"
#include "tests/support/http.h"
#include "tests/support/server_fixture.h"

#include <algorithm>
#include <thread>
#include <utility>
#include <vector>

// Responses that come in pieces.
using namespace zebu;
using namespace std::chrono_literals;
using test::HttpConnection;
using test::ServerFixture;
using test::status_of_new_connection;
using test::usual;

namespace {

const std::string kGetFeed = test::to_bytes({.target = "/feed"});
const std::string kGetFlood = test::to_bytes({.target = "/flood"});

bool comes(std::promise<void>& promise) {
  return promise.get_future().wait_for(test::scaled(20s)) == std::future_status::ready;
}
bool has_ended(const ServerFixture& server) {
  return test::eventually([&] { return server.ended == 1; }, 20s);
}

}  // namespace

TEST_CASE_METHOD(ServerFixture, "a response comes in chunks, and the connection goes on behind the last one") {
  auto client = connect();
  for (const std::string count : {"3", "0", "2000"}) {
    const auto reply = client.request({.target = "/pieces/" + count});
    CHECK(reply.status == 200);
    CHECK(reply.header("transfer-encoding") == "chunked");
    CHECK_FALSE(reply.has("content-length"));
    CHECK(reply.header("cache-control") == "no-store");
    CHECK(std::count(reply.body.begin(), reply.body.end(), ',') == std::stoi(count));
  }
  CHECK(client.request({.target = "/pieces/3"}).body == "1,2,3,");
  CHECK(client.request({.target = "/names/next"}).body == "next");
}

TEST_CASE_METHOD(ServerFixture, "a client of HTTP/1.0 gets the pieces without chunks, and then the end") {
  for (const std::string more : {"", "Connection: keep-alive\r\n"}) {
    auto client = connect();
    client.send("GET /pieces/3 HTTP/1.0\r\n" + more + "\r\n");
    const auto reply = client.receive();
    CHECK(reply.header("connection") == "close");
    CHECK_FALSE(reply.has("transfer-encoding"));
    CHECK_FALSE(reply.has("content-length"));
    CHECK(reply.body == "1,2,3,");
  }
}

TEST_CASE_METHOD(ServerFixture, "a HEAD has the head of a response in pieces, and nothing else") {
  auto client = connect();
  const auto head = client.request({.method = "HEAD", .target = "/pieces/3"});
  CHECK(head.status == 200);
  CHECK(head.header("transfer-encoding") == "chunked");
  CHECK(client.request({.target = "/names/next"}).body == "next");
  CHECK(client.request({.method = "OPTIONS", .target = "/pieces/3"}).header("allow") == "GET, HEAD, OPTIONS");
}

TEST_CASE_METHOD(ServerFixture, "requests behind a response in pieces are answered behind it") {
  auto client = connect();
  client.send(test::to_bytes({.target = "/pieces/2"}) + test::to_bytes({.target = "/names/next"}));
  CHECK(client.receive().body == "1,2,");
  CHECK(client.receive().body == "next");
}

TEST_CASE_METHOD(ServerFixture, "a piece leaves when it is written") {
  auto client = connect();
  client.send(kGetFeed);
  CHECK(client.receive(10s, true).status == 200);
  REQUIRE(comes(has_begun));
  for (int i = 1; i <= 3; ++i) {
    wake();
    CHECK(client.receive_chunk() == "piece " + std::to_string(i) + "\n");
  }
}

TEST_CASE_METHOD(ServerFixture, "a handler that fails in the middle of its response cuts it off") {
  const test::CapturedLog log;
  auto client = connect();
  client.send(test::to_bytes({.target = "/breaks"}));
  CHECK(client.receive(10s, true).status == 200);
  CHECK(client.receive_chunk() == "so far");
  CHECK_THROWS(client.receive_chunk());
  client.close();
  stop();
  CHECK(log.count("handler_failed") == 1);
}

TEST_CASE_METHOD(ServerFixture, "a client that hangs up ends the response that comes in pieces") {
  auto client = connect();
  client.send(kGetFeed);
  client.receive(10s, true);
  REQUIRE(comes(has_begun));
  client.close();
  REQUIRE(has_ended(*this));
  CHECK(was_cancelled.get_future().get() == http::Ending::hung_up);
}

TEST_CASE_METHOD(ServerFixture, "a client that has ended its sending side gets the pieces that follow") {
  const bool is_old = GENERATE(false, true);
  INFO("HTTP/1.0: " << is_old);
  auto client = connect();
  client.send(is_old ? "GET /feed HTTP/1.0\r\n\r\n" : kGetFeed);
  client.receive(10s, true);
  REQUIRE(comes(has_begun));
  client.finish_sending();
  if (is_old) {
    CHECK(test::eventually([&] { return client.has_input(); }));
  } else {
    CHECK(client.receive_chunk() == "probe\n");  // it is asked whether it still reads
    wake();
    CHECK(client.receive_chunk() == "piece 1\n");
    wake();
    CHECK(test::eventually([&] { return client.has_input(); }));
  }
  client.close();
  CHECK(has_ended(*this));
}

TEST_CASE_METHOD(ServerFixture, "a handler is suspended while its client reads nothing, and goes on when it reads") {
  piece_size = GENERATE(20'000U, 200'000U);
  auto client = connect();
  client.send(kGetFlood);
  client.receive(10s, true);
  std::size_t before = 0;
  const auto stands_still = [&] {
    const std::size_t now = written;
    return now > 0 && std::exchange(before, now) == now;
  };
  REQUIRE(test::eventually([&] { return std::this_thread::sleep_for(50ms), stands_still(); }));
  // What the kernel takes for a client that reads nothing, and one piece.
  CHECK(before * piece_size < 16U << 20);
  for (int i = 0; written == before && i < 10'000; ++i) CHECK(client.receive_chunk().size() == piece_size);
  CHECK(written > before);
  client.close();
  CHECK(has_ended(*this));
}

TEST_CASE("a client that stands still for the idle timeout in the middle of a response is let go") {
  http::ServerOptions options = usual();
  options.idle_timeout = 300ms;
  options.max_connections = 1;
  ServerFixture server(options);
  auto client = server.connect();
  client.send(kGetFlood);
  client.receive(10s, true);
  CHECK(has_ended(server));
  // It had the only connection that this server may have.
  CHECK(test::eventually([&] { return status_of_new_connection(server) == 200; }));
}

TEST_CASE("a response that has nothing to say for longer than the idle timeout goes on") {
  http::ServerOptions options = usual();
  options.idle_timeout = 1ms;
  options.header_timeout = 1s;
  ServerFixture server(options);
  auto client = server.connect();
  client.send(kGetFeed);
  client.receive(10s, true);
  REQUIRE(comes(server.has_begun));
  // The sweep that would have ended it lets this one go, which says nothing.
  CHECK(server.connect().closes());
  server.wake();
  CHECK(client.receive_chunk() == "piece 1\n");
}

TEST_CASE("pieces that wait count among the bytes of all connections") {
  const test::CapturedLog log;
  http::ServerOptions options = usual();
  options.max_buffered = 250'000;
  options.max_connections = 10;
  ServerFixture server(options);
  server.piece_size = GENERATE(130'000U, 60'000U);
  INFO("pieces of " << server.piece_size);
  std::vector<HttpConnection> deaf;
  for (int i = 0; i < 6; ++i) {
    deaf.push_back(server.connect());
    deaf.back().send(kGetFlood);
  }
  // The last of them finds no room.
  CHECK(test::eventually([&] { return server.ended > 0; }, 20s));
  CHECK(server.ended < 6);
  CHECK(server.connect().request({.target = "/names/a"}).status == 200);
  server.stop();
  CHECK(log.count("reader_dropped") > 0);
}

TEST_CASE_METHOD(ServerFixture, "a stop ends a response that has no end at once, and in order") {
  auto client = connect();
  client.send(kGetFeed);
  client.receive(10s, true);
  REQUIRE(comes(has_begun));
  begin_stop();
  CHECK(client.receive_chunk() == "piece 1\n");  // the handler's last word
  CHECK(client.receive_chunk().empty());
  CHECK(client.closes());
  CHECK(was_cancelled.get_future().get() == http::Ending::stopping);
}

TEST_CASE("a stop does not wait for the grace time when a response has no end") {
  http::ServerOptions options = usual();
  options.grace = 10min;
  ServerFixture server(options);
  auto client = server.connect();
  client.send(kGetFeed);
  client.receive(10s, true);
  REQUIRE(comes(server.has_begun));
  server.begin_stop();
  client.receive_chunk();
  client.receive_chunk();
  CHECK(comes(server.has_stopped));
}

TEST_CASE_METHOD(ServerFixture, "a stop cuts off a client that reads nothing when the grace time is over") {
  const test::CapturedLog log;
  auto client = connect();
  client.send(kGetFlood);
  client.receive(10s, true);
  begin_stop();
  CHECK(comes(has_stopped));
  CHECK(has_ended(*this));
}
