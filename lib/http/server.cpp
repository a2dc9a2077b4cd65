#include "http/server.h"

#include "http/acceptors.h"
#include "http/connection.h"
#include "http/host_policy.h"
#include "http/listen_address.h"
#include "zebu/program/log.h"
#include "zebu/program/stop_signal.h"
#include "zebu/program/tallies.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <ctime>
#include <deque>
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
// How long requests may take to respond when the grace time is over and they are asked to end.
constexpr auto kLastWords = 1s;

}  // namespace

// What the server consists of; here, so that its header needs no Asio.
class Server::Connections {
 public:
  Connections(boost::asio::io_context& loop, const ServerOptions& options, const Routes& routes)
      : loop_(loop),
        options_(options),
        sweep_timer_(loop),
        hosts_(options.allowed_hosts, own_names(options)),
        headers_(options.name),
        budget_(options.max_buffered),
        shared_{options, routes, hosts_, headers_, budget_},
        max_connections_(allowed_connections(options.max_connections, raise_open_files())) {}

  Result<void> start();
  [[nodiscard]] std::string address() const;
  [[nodiscard]] Connected connected() const { return {connections_.size(), accepted_, refused_}; }
  void stop(std::function<void()> done);

 private:
  static std::vector<std::string> own_names(const ServerOptions& options);
  awaitable<void> accept(tcp::acceptor& acceptor);
  awaitable<void> serve(tcp::socket socket);
  void make_reserve(Connection& connection);
  void note_refusals(TimePoint now);
  void sweep();
  void end_grace(TimePoint now);
  void look_for_end();

  boost::asio::io_context& loop_;
  const ServerOptions& options_;
  Acceptors acceptors_;
  boost::asio::steady_timer sweep_timer_;
  HostPolicy hosts_;
  ServerHeaders headers_;
  Budget budget_;
  Connection::Shared shared_;
  std::unordered_set<Connection*> connections_;  // the reserve too
  std::deque<Connection*> reserve_;              // those past the limit, the oldest first
  std::size_t served_ = 0;
  std::uint64_t accepted_ = 0;
  std::uint64_t refused_ = 0;
  std::size_t max_connections_;
  Tallies refusals_{Tallies::Ends::when_quiet, 5s};
  std::size_t accepting_ = 0;
  TimePoint end_of_grace_ = TimePoint::max();
  TimePoint end_of_last_words_ = TimePoint::max();
  bool has_ended_ = false;
  std::function<void()> done_;
};

Server::Server(boost::asio::io_context& loop, const ServerOptions& options, const Routes& routes)
    : connections_(std::make_unique<Connections>(loop, options, routes)) {}

Server::~Server() = default;

Result<void> Server::start() { return connections_->start(); }
std::string Server::address() const { return connections_->address(); }
Server::Connected Server::connected() const { return connections_->connected(); }
void Server::stop(std::function<void()> done) { connections_->stop(std::move(done)); }

Result<void> Server::Connections::start() {
  auto listening = listen_on(loop_, options_.listen);
  if (!listening) return tl::make_unexpected(listening.error());
  acceptors_ = std::move(*listening);
  sweep();
  for (tcp::acceptor& acceptor : acceptors_) {
    ++accepting_;
    boost::asio::co_spawn(loop_, accept(acceptor), boost::asio::detached);
  }
  return {};
}

std::vector<std::string> Server::Connections::own_names(const ServerOptions& options) {
  const auto address = parse_listen_address(options.listen);
  return {machine_name(), address ? address->host : ""};
}

std::string Server::Connections::address() const {
  const tcp::endpoint local = acceptors_.front().local_endpoint();
  const std::string host = local.address().to_string();
  return (local.address().is_v6() ? "[" + host + "]" : host) + ":" + std::to_string(local.port());
}

awaitable<void> Server::Connections::accept(tcp::acceptor& acceptor) {
  boost::asio::steady_timer pause(loop_);
  while (acceptor.is_open()) {
    error_code error;
    tcp::socket socket = co_await acceptor.async_accept(redirect_error(use_awaitable, error));
    if (!acceptor.is_open()) break;
    if (!error) {
      boost::asio::co_spawn(loop_, serve(std::move(socket)), boost::asio::detached);
    } else if (error != boost::asio::error::connection_aborted) {
      // Out of descriptors or memory. Without a pause the waiting connection would wake this loop again at once.
      log_event(Event::accept_failed, {}, "cannot accept a connection: {}", error.message());
      pause.expires_after(100ms);
      co_await pause.async_wait(redirect_error(use_awaitable, error));
    }
  }
  --accepting_;
  look_for_end();
}

awaitable<void> Server::Connections::serve(tcp::socket socket) {
  const bool has_room = served_ < max_connections_;
  Connection connection(std::move(socket), shared_, has_room);
  served_ += has_room ? 1 : 0;
  connections_.insert(&connection);
  ++accepted_;
  if (!has_room) make_reserve(connection);
  try {
    co_await connection.serve();
  } catch (const std::exception& e) {
    log_event(Event::handler_failed, {}, "a connection failed: {}", e.what());
  }
  connections_.erase(&connection);
  std::erase(reserve_, &connection);
  served_ -= has_room ? 1 : 0;
  look_for_end();
}

void Server::Connections::make_reserve(Connection& connection) {
  ++refused_;
  if (refusals_.add({}, {}, Clock::now())) {
    log_event(Event::connections_full, {{"count", max_connections_}},
              "{} connections are open, as many as there may be: those past them are refused, but for questions "
              "about the server's health (--max-connections)",
              max_connections_);
  }
  if (reserve_.size() >= kMaxRefusals) {
    reserve_.front()->abort();
    reserve_.pop_front();
  }
  reserve_.push_back(&connection);
}

void Server::Connections::note_refusals(TimePoint now) {
  for (const auto& [kind, count, lasted, last] : refusals_.tick(now)) {
    log_event(Event::connections_free, {{"count", count}, {"lasted_ms", lasted}},
              "no connections come past the limit any more: {} did, within {} ms", count, lasted.count());
  }
}

void Server::Connections::sweep() {
  headers_.update(std::time(nullptr));
  const TimePoint now = Clock::now();
  note_refusals(now);
  for (Connection* connection : connections_) connection->sweep(now);
  end_grace(now);
  sweep_timer_.expires_after(kSweep);
  sweep_timer_.async_wait([this](const error_code& error) {
    // A cancel comes too late for a timer that has expired already.
    if (!error && !has_ended_) sweep();
  });
}

void Server::Connections::end_grace(TimePoint now) {
  if (now >= end_of_last_words_) {
    for (Connection* connection : connections_) connection->abort();
    end_of_last_words_ = TimePoint::max();
  }
  if (now < end_of_grace_) return;
  if (!connections_.empty()) {
    log_event(Event::grace_over, {{"count", connections_.size()}},
              "ending {} connections that did not finish within the grace time", connections_.size());
  }
  for (Connection* connection : connections_) connection->conclude();
  end_of_grace_ = TimePoint::max();
  end_of_last_words_ = now + kLastWords;
}

void Server::Connections::stop(std::function<void()> done) {
  done_ = std::move(done);
  end_of_grace_ = Clock::now() + options_.grace;
  error_code ignored;
  for (tcp::acceptor& acceptor : acceptors_) acceptor.close(ignored);
  for (Connection* connection : connections_) connection->finish();
  look_for_end();
}

void Server::Connections::look_for_end() {
  if (!done_ || !connections_.empty() || accepting_ > 0) return;
  has_ended_ = true;
  sweep_timer_.cancel();
  std::exchange(done_, nullptr)();
}

}  // namespace zebu::http
