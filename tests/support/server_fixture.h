#pragma once

#include "http/cancellation.h"
#include "http/response_writer.h"
#include "http/routes.h"
#include "http/server.h"
#include "tests/support/catch.h"
#include "tests/support/http.h"
#include "zebu/job.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <atomic>
#include <future>
#include <stdexcept>
#include <string>
#include <thread>

// A server of its own routes, in this process.
namespace zebu::test {

inline constexpr std::size_t kLargeBody = 16U << 20;  // more than the kernel takes for a client that reads nothing

inline http::ServerOptions usual() {
  return {.name = "ox/1",
          .listen = "127.0.0.1:0",
          .max_buffered = kLargeBody + 1,
          .max_connections = 2,
          .grace = std::chrono::milliseconds(50)};
}

// Serves in a thread. /name responds at once, /throws fails, /waits responds when its request is cancelled,
// /bytes/N has N bytes. In pieces: /pieces/N has N of them, /flood has no end, /feed sends one each time it is woken
// until its request is cancelled, /breaks fails behind the first.
class ServerFixture {
 public:
  explicit ServerFixture(http::ServerOptions options = usual()) : options_(std::move(options)) {
    REQUIRE(server_.start());
    const std::string address = server_.address();
    port_ = static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1)));
    thread_ = std::thread([this] { loop_.run(); });
  }
  ~ServerFixture() { stop(); }
  ServerFixture(const ServerFixture&) = delete;
  ServerFixture& operator=(const ServerFixture&) = delete;

  void stop() {
    if (!thread_.joinable()) return;
    if (!std::exchange(is_stopping_, true)) begin_stop();
    thread_.join();
  }
  void begin_stop() {
    is_stopping_ = true;
    boost::asio::post(loop_, [this] { server_.stop([this] { has_stopped.set_value(); }); });
  }
  HttpConnection connect(const std::string& host = "127.0.0.1") { return HttpConnection(port_, host); }
  // Lets /waits respond, and /feed send.
  void wake() {
    boost::asio::post(loop_, [this] { woken_.cancel(); });
  }

  std::promise<void> has_begun{};
  std::promise<http::Ending> was_cancelled{};
  std::promise<void> has_stopped{};
  std::atomic<std::size_t> piece_size = 20'000;  // of /flood
  std::atomic<std::size_t> written = 0;          // its pieces
  std::atomic<int> ended = 0;                    // how often /flood or /feed has

 private:
  http::Answer name(const http::Request& request) {
    co_return http::Response{200, http::kText, std::string(request.parameter), {}};
  }
  http::Answer throws(const http::Request&) {
    if (port_ != 0) throw std::runtime_error("planned");
    co_return http::Response{};
  }
  http::Answer waits(const http::Request& request) {
    request.cancellation->listen([&](http::Ending why) {
      was_cancelled.set_value(why);
      woken_.cancel();
    });
    has_begun.set_value();
    try {
      co_await woken_.async_wait(boost::asio::use_awaitable);
    } catch (const boost::system::system_error&) {  // woken
    }
    request.cancellation->listen({});
    co_return http::Response{};
  }

  http::Answer bytes(const http::Request& request) {
    const std::size_t size = std::stoul(std::string(request.parameter));
    co_return http::Response{200, http::kText, std::string(size, 'x'), "Location: /there\r\n"};
  }

  static http::Response text() { return {200, http::kText, {}, "Cache-Control: no-store\r\n"}; }

  http::Answer pieces(const http::Request& request) {
    const int count = std::stoi(std::string(request.parameter));
    if (!co_await request.writer->begin(text(), "\n")) co_return http::Response{};
    for (int i = 1; i <= count; ++i) {
      const bool goes_on = co_await request.writer->write(std::to_string(i) + ",");
      if (!goes_on) break;
    }
    co_return http::Response{500, http::kText, "not sent", {}};
  }
  http::Answer flood(const http::Request& request) {
    bool goes_on = co_await request.writer->begin(text(), "\n");
    while (goes_on) {
      goes_on = co_await request.writer->write(std::string(piece_size, 'x'));
      ++written;
    }
    ++ended;
    co_return http::Response{};
  }
  http::Answer feed(const http::Request& request) {
    bool goes_on = co_await request.writer->begin(text(), "probe\n");
    request.cancellation->listen([&](http::Ending) { woken_.cancel(); });
    has_begun.set_value();
    for (int i = 1; goes_on && !request.cancellation->raised(); ++i) {
      try {
        co_await woken_.async_wait(boost::asio::use_awaitable);
      } catch (const boost::system::system_error&) {  // woken
      }
      goes_on = co_await request.writer->write("piece " + std::to_string(i) + "\n");
    }
    if (const auto why = request.cancellation->raised()) was_cancelled.set_value(*why);
    request.cancellation->listen({});
    ++ended;
    co_return http::Response{};
  }
  http::Answer breaks(const http::Request& request) {
    const bool goes_on = co_await request.writer->begin(text(), "");
    if (goes_on) static_cast<void>(co_await request.writer->write("so far"));
    throw std::runtime_error("planned");
  }

  boost::asio::io_context loop_{1};
  boost::asio::steady_timer woken_{loop_, TimePoint::max()};
  http::Routes routes_{
      {{http::Method::get, "/health", [this](const http::Request& r) { return name(r); }, false, true},
       {http::Method::get, "/names/{name}", [this](const http::Request& r) { return name(r); }, false},
       {http::Method::get, "/throws", [this](const http::Request& r) { return throws(r); }, false},
       {http::Method::get, "/bytes/{n}", [this](const http::Request& r) { return bytes(r); }, true},
       {http::Method::get, "/pieces/{n}", [this](const http::Request& r) { return pieces(r); }, true},
       {http::Method::get, "/flood", [this](const http::Request& r) { return flood(r); }, true},
       {http::Method::get, "/feed", [this](const http::Request& r) { return feed(r); }, true, false, true},
       {http::Method::get, "/breaks", [this](const http::Request& r) { return breaks(r); }, true},
       {http::Method::get, "/waits", [this](const http::Request& r) { return waits(r); }, true}},
      "none here"};
  http::ServerOptions options_;
  http::Server server_{loop_, options_, routes_};
  std::uint16_t port_ = 0;
  std::thread thread_{};
  bool is_stopping_ = false;
};

inline const HttpRequest kGetLarge{.target = "/bytes/" + std::to_string(kLargeBody)};
// Large, but the kernel takes all of it at once.
inline const HttpRequest kGetSome{.target = "/bytes/100000"};

// A refused connection may be closed before the request is sent.
inline int status_of_new_connection(ServerFixture& server) {
  try {
    return server.connect().request({.target = "/names/a"}).status;
  } catch (const std::exception&) {
    return 0;
  }
}

// A busy machine may take long for so many bytes.
inline HttpReply get_large(HttpConnection& client) { return client.request(kGetLarge, std::chrono::seconds(60)); }

}  // namespace zebu::test
