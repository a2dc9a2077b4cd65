#include "http/cancellation.h"
#include "http/routes.h"
#include "http/server.h"
#include "tests/support/catch.h"
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

// Serves in a thread. /name responds at once, /throws fails, /waits responds when its request is cancelled.
class Fixture {
 public:
  Fixture() {
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
    boost::asio::post(loop_, [this] { server_.stop([] {}); });
    thread_.join();
  }
  HttpConnection connect() { return HttpConnection(port_); }

  std::promise<void> has_begun{};
  std::promise<std::string> was_cancelled{};

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

  boost::asio::io_context loop_{1};
  http::Routes routes_{{{http::Method::get, "/names/{name}", [this](const http::Request& r) { return name(r); }, false},
                        {http::Method::get, "/throws", [this](const http::Request& r) { return throws(r); }, false},
                        {http::Method::get, "/waits", [this](const http::Request& r) { return waits(r); }, true}},
                       "none here"};
  http::ServerOptions options_{.name = "ox/1", .listen = "127.0.0.1:0", .max_connections = 2, .grace = 50ms};
  http::Server server_{loop_, options_, routes_};
  std::uint16_t port_ = 0;
  std::thread thread_{};
};

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

TEST_CASE("a server says why it cannot listen") {
  boost::asio::io_context loop;
  const http::Routes routes({}, "");
  const http::ServerOptions options{.name = "ox/1", .listen = "127.0.0.1"};
  http::Server server(loop, options, routes);
  const auto started = server.start();
  REQUIRE_FALSE(started);
  CHECK(started.error().message == "cannot listen on '127.0.0.1': use HOST:PORT");
}
