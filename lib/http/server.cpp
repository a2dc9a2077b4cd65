#include "http/server.h"

#include "http/connection.h"
#include "http/listen_address.h"
#include "zebu/program/log.h"
#include "zebu/program/stop_signal.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <ctime>
#include <unordered_set>

namespace zebu::http {

using boost::asio::awaitable;
using boost::asio::redirect_error;
using boost::asio::use_awaitable;
using boost::system::error_code;
using tcp = boost::asio::ip::tcp;
using namespace std::chrono_literals;

namespace {

// The resolution of deadlines. Visiting ten thousand connections costs less than one timer for each request.
constexpr auto kSweep = 250ms;

}  // namespace

// What the server consists of; here, so that its header needs no Asio.
class Server::Connections {
 public:
  Connections(boost::asio::io_context& loop, const ServerOptions& options, const Routes& routes)
      : loop_(loop),
        options_(options),
        routes_(routes),
        acceptor_(loop),
        sweep_timer_(loop),
        accept_pause_(loop),
        headers_(options.name),
        budget_(options.max_buffered),
        max_connections_(allowed_connections(options.max_connections, raise_open_files())) {}

  Result<void> start();
  [[nodiscard]] std::string address() const;
  void stop(std::function<void()> done);

 private:
  Result<void> listen();
  awaitable<void> accept();
  awaitable<void> serve(tcp::socket socket);
  void sweep();
  void look_for_end();

  boost::asio::io_context& loop_;
  const ServerOptions& options_;
  const Routes& routes_;
  tcp::acceptor acceptor_;
  boost::asio::steady_timer sweep_timer_;
  boost::asio::steady_timer accept_pause_;
  ServerHeaders headers_;
  Budget budget_;
  std::unordered_set<Connection*> connections_;  // the refused ones too
  std::size_t served_ = 0;
  std::size_t max_connections_;
  TimePoint end_of_grace_ = TimePoint::max();
  bool has_ended_ = false;
  std::function<void()> done_;
};

Server::Server(boost::asio::io_context& loop, const ServerOptions& options, const Routes& routes)
    : connections_(std::make_unique<Connections>(loop, options, routes)) {}

Server::~Server() = default;

Result<void> Server::start() { return connections_->start(); }
std::string Server::address() const { return connections_->address(); }
void Server::stop(std::function<void()> done) { connections_->stop(std::move(done)); }

Result<void> Server::Connections::start() {
  if (auto listening = listen(); !listening) return listening;
  sweep();
  boost::asio::co_spawn(loop_, accept(), boost::asio::detached);
  return {};
}

Result<void> Server::Connections::listen() {
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
  return {};
}

std::string Server::Connections::address() const {
  const tcp::endpoint local = acceptor_.local_endpoint();
  const std::string host = local.address().to_string();
  return (local.address().is_v6() ? "[" + host + "]" : host) + ":" + std::to_string(local.port());
}

awaitable<void> Server::Connections::accept() {
  while (acceptor_.is_open()) {
    error_code error;
    tcp::socket socket = co_await acceptor_.async_accept(redirect_error(use_awaitable, error));
    if (!acceptor_.is_open()) co_return;
    if (!error) {
      if (connections_.size() < max_connections_ + kMaxRefusals) {
        boost::asio::co_spawn(loop_, serve(std::move(socket)), boost::asio::detached);
      }
    } else if (error != boost::asio::error::connection_aborted) {
      // Out of descriptors or memory. Without a pause the waiting connection would wake this loop again at once.
      spdlog::warn("cannot accept a connection: {}", error.message());
      accept_pause_.expires_after(100ms);
      co_await accept_pause_.async_wait(redirect_error(use_awaitable, error));
    }
  }
}

awaitable<void> Server::Connections::serve(tcp::socket socket) {
  Connection connection(std::move(socket), options_, routes_, headers_, budget_);
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

void Server::Connections::sweep() {
  headers_.update(std::time(nullptr));
  const TimePoint now = Clock::now();
  for (Connection* connection : connections_) connection->sweep(now);
  if (now >= end_of_grace_) {
    if (!connections_.empty())
      spdlog::warn("closing {} connections that did not finish within the grace time", connections_.size());
    for (Connection* connection : connections_) connection->abort();
    end_of_grace_ = TimePoint::max();
  }
  sweep_timer_.expires_after(kSweep);
  sweep_timer_.async_wait([this](const error_code& error) {
    // A cancel comes too late for a timer that has expired already.
    if (!error && !has_ended_) sweep();
  });
}

void Server::Connections::stop(std::function<void()> done) {
  done_ = std::move(done);
  end_of_grace_ = Clock::now() + options_.grace;
  error_code ignored;
  acceptor_.close(ignored);
  accept_pause_.cancel();
  for (Connection* connection : connections_) connection->finish();
  look_for_end();
}

void Server::Connections::look_for_end() {
  if (!done_ || !connections_.empty()) return;
  has_ended_ = true;
  sweep_timer_.cancel();
  std::exchange(done_, nullptr)();
}

}  // namespace zebu::http
