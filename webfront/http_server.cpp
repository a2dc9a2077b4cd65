#include <utility>
// <utility> first: Boost 1.74's Asio uses std::exchange without including it.
#include "http/listen_address.h"
#include "webfront/http_server.h"
#include "zebu/program/log.h"
#include "zebu/program/stop_signal.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <ctime>

namespace zebu::webfront {

using boost::asio::awaitable;
using boost::asio::redirect_error;
using boost::asio::use_awaitable;
using boost::system::error_code;
using tcp = boost::asio::ip::tcp;
using namespace std::chrono_literals;

namespace {

// How exactly deadlines are kept. A look at ten thousand connections costs less than one timer a request.
constexpr auto kSweep = 250ms;
// Connections past the limit that are told so; more than that are closed without a word.
constexpr std::size_t kRefusals = 64;
// Descriptors for all else: the broker's socket, logs, the loop's own.
constexpr std::size_t kReserved = 64;

std::size_t connections_for(std::size_t wanted, std::size_t descriptors) {
  const std::size_t taken = kReserved + kRefusals;
  return std::min(wanted, descriptors > 2 * taken ? descriptors - taken : descriptors / 2);
}

}  // namespace

HttpServer::HttpServer(boost::asio::io_context& loop, const Options& options, Routes& routes)
    : loop_(loop),
      options_(options),
      routes_(routes),
      acceptor_(loop),
      sweep_timer_(loop),
      accept_pause_(loop),
      max_connections_(connections_for(options.max_connections, raise_open_files())) {}

Result<void> HttpServer::start() {
  const auto parsed = parse_listen_address(options_.listen);
  if (!parsed) return tl::make_unexpected(parsed.error());
  error_code error;
  const auto found = tcp::resolver(loop_).resolve(parsed->host.empty() ? "0.0.0.0" : parsed->host, parsed->port,
                                                  tcp::resolver::passive, error);
  if (!error) {
    const tcp::endpoint endpoint = found.begin()->endpoint();
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(tcp::acceptor::max_listen_connections, error);
  }
  if (error) return fail(ErrorCode::system, "cannot listen on " + options_.listen + ": " + error.message());
  sweep();
  boost::asio::co_spawn(loop_, accept(), boost::asio::detached);
  return {};
}

std::string HttpServer::address() const {
  const tcp::endpoint local = acceptor_.local_endpoint();
  const std::string host = local.address().to_string();
  return (local.address().is_v6() ? "[" + host + "]" : host) + ":" + std::to_string(local.port());
}

awaitable<void> HttpServer::accept() {
  while (acceptor_.is_open()) {
    error_code error;
    tcp::socket socket = co_await acceptor_.async_accept(redirect_error(use_awaitable, error));
    if (!acceptor_.is_open()) co_return;
    if (!error) {
      if (connections_.size() < max_connections_ + kRefusals) {
        boost::asio::co_spawn(loop_, serve(std::move(socket)), boost::asio::detached);
      }
    } else if (error != boost::asio::error::connection_aborted) {
      // Out of descriptors or memory: the waiting connection would wake us at once again.
      spdlog::warn("cannot accept a connection: {}", error.message());
      accept_pause_.expires_after(100ms);
      co_await accept_pause_.async_wait(redirect_error(use_awaitable, error));
    }
  }
}

awaitable<void> HttpServer::serve(tcp::socket socket) {
  Connection connection(std::move(socket), options_, routes_, date_);
  const bool has_room = served_ < max_connections_;
  served_ += has_room ? 1 : 0;
  connections_.insert(&connection);
  try {
    if (has_room) {
      co_await connection.serve();
    } else {
      co_await connection.refuse();
    }
  } catch (const std::exception& e) {
    spdlog::error("a connection failed: {}", e.what());
  }
  connections_.erase(&connection);
  served_ -= has_room ? 1 : 0;
  look_for_end();
}

void HttpServer::sweep() {
  date_.update(std::time(nullptr));
  const TimePoint now = Clock::now();
  for (Connection* connection : connections_) connection->sweep(now);
  if (now >= end_of_grace_) {
    if (!connections_.empty()) spdlog::warn("{} connections did not end in time", connections_.size());
    for (Connection* connection : connections_) connection->abort();
    end_of_grace_ = TimePoint::max();
  }
  sweep_timer_.expires_after(kSweep);
  sweep_timer_.async_wait([this](const error_code& error) {
    if (!error) sweep();
  });
}

void HttpServer::stop(std::function<void()> done) {
  done_ = std::move(done);
  end_of_grace_ = Clock::now() + options_.grace;
  error_code ignored;
  acceptor_.close(ignored);
  accept_pause_.cancel();
  for (Connection* connection : connections_) connection->finish();
  look_for_end();
}

void HttpServer::look_for_end() {
  if (!done_ || !connections_.empty()) return;
  sweep_timer_.cancel();
  std::exchange(done_, nullptr)();
}

}  // namespace zebu::webfront
