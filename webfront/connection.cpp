#include <utility>
// <utility> first: Boost 1.74's Asio uses std::exchange without including it.
#include "webfront/connection.h"
#include "webfront/problem.h"
#include "zebu/program/log.h"

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <array>

namespace zebu::webfront {

using boost::asio::awaitable;
using boost::asio::redirect_error;
using boost::asio::use_awaitable;
using boost::system::error_code;
using tcp = boost::asio::ip::tcp;
using namespace std::chrono_literals;

namespace {

// Responses to pipelined requests gather up to here before they leave.
constexpr std::size_t kMaxGathered = 64U << 10;
// How long a closed connection takes what the client still sends, so that the client can read the last response: a
// reset would throw it away (RFC 9112, 9.6).
constexpr auto kLinger = 2s;

}  // namespace

Connection::Connection(tcp::socket socket, const Options& options, Routes& routes, const DateHeader& date)
    : socket_(std::move(socket)),
      options_(options),
      routes_(routes),
      date_(date),
      reader_(options.max_header, options.max_body) {
  error_code ignored;
  socket_.non_blocking(true, ignored);
  socket_.set_option(tcp::no_delay(true), ignored);
}

awaitable<void> Connection::serve() {
  enter(Phase::header);
  while (open_ && !gone_) {
    const bool complete = co_await receive();
    if (!complete) break;
    co_await answer();
    reader_.begin();
  }
  if (gone_) co_return;
  const bool flushed = co_await flush();
  if (flushed) co_await linger();
}

awaitable<void> Connection::refuse() {
  Response response = problem_response(problems::kOverloaded, "try again soon");
  response.headers = retry_after(1s);
  respond(response, {false, false, false});
  const bool flushed = co_await flush();
  if (flushed) co_await linger();
}

void Connection::enter(Phase phase) {
  phase_ = phase;
  switch (phase) {
    case Phase::header:
      deadline_ = Clock::now() + options_.header_timeout;
      break;
    case Phase::body:
      deadline_ = Clock::now() + options_.body_timeout;
      break;
    case Phase::idle:
    case Phase::writing:
      deadline_ = Clock::now() + options_.idle_timeout;
      break;
    case Phase::closing:
      deadline_ = Clock::now() + kLinger;
      break;
    case Phase::handler:
      deadline_ = TimePoint::max();  // handlers have limits of their own
      break;
  }
}

// ── Receive ─────────────────────────────────────────────────────────────────────────────────────────────────────────

// True when a whole request is there. False: it was refused, or the client is gone.
awaitable<bool> Connection::receive() {
  bool continued = false;
  for (;;) {
    const auto step = reader_.step();
    if (step == RequestReader::Step::complete) co_return true;
    if (step == RequestReader::Step::refused) {
      refuse_request();
      co_return false;
    }
    if (reader_.expects_continue() && !std::exchange(continued, true)) out_.append("HTTP/1.1 100 Continue\r\n\r\n");
    if (!out_.empty()) {
      const bool flushed = co_await flush();
      if (!flushed) co_return false;
      enter(Phase::idle);
    }
    const bool more = co_await read_more();
    if (!more) co_return false;
  }
}

awaitable<bool> Connection::read_more() {
  if (reader_.has_header() && phase_ != Phase::body) enter(Phase::body);
  if (reader_.has_started() && phase_ == Phase::idle) enter(Phase::header);
  if (finishing_ && !reader_.has_started()) co_return false;
  error_code error;
  const std::size_t count = co_await socket_.async_read_some(reader_.room(), redirect_error(use_awaitable, error));
  reader_.commit(count);
  if (!error) co_return true;
  open_ = false;
  if (timed_out_ && reader_.has_started()) {
    respond(problem_response(problems::kTimedOut, "the request was too slow"), {false, false, false});
  } else {
    gone_ = true;
  }
  co_return false;
}

void Connection::refuse_request() {
  const auto& refusal = reader_.refusal();
  open_ = false;
  respond(problem_response(refusal.problem, refusal.detail), {false, false, false});
}

// ── Respond ─────────────────────────────────────────────────────────────────────────────────────────────────────────

awaitable<void> Connection::answer() {
  Request request;
  reader_.fill(request);
  Framing framing{reader_.is_http_1_0(), reader_.keep_alive(), request.method == Method::head};
  if (!request.target.parse(reader_.target())) {
    respond(problem_response(problems::kBadRequest, "the target is not a path, or a % in it is none"), framing);
  } else {
    Routes::Choice choice = routes_.choose(request);
    if (choice.handler == nullptr) {
      framing.keep_alive = framing.keep_alive && !finishing_;
      respond(choice.instead, framing);
    } else {
      const Response response = co_await handle(request, std::move(choice));
      if (gone_) co_return;
      framing.keep_alive = framing.keep_alive && !finishing_;
      respond(response, framing);
    }
  }
  open_ = framing.keep_alive;
  if (out_.size() > kMaxGathered) co_await flush();
}

awaitable<Response> Connection::handle(Request& request, Routes::Choice choice) {
  Interrupt interrupt;
  request.interrupt = interrupt_ = &interrupt;
  Response response;
  try {
    if (choice.waits) {
      // What was answered before does not wait for this one.
      if (!out_.empty()) co_await flush();
      enter(Phase::handler);
      watch();
    }
    response = co_await (routes_.*choice.handler)(request);
  } catch (const std::exception& e) {
    spdlog::error("a handler failed: {}", e.what());
    response = problem_response(problems::kInternal, "the log of the server says more");
  }
  interrupt_ = nullptr;
  if (watching_) co_await end_watch();
  co_return response;
}

void Connection::respond(const Response& response, const Framing& framing) {
  append_response(out_, response, framing, date_);
}

awaitable<bool> Connection::flush() {
  std::size_t sent = 0;
  while (sent < out_.size() && !gone_) {
    const auto rest = boost::asio::buffer(out_.data() + sent, out_.size() - sent);
    error_code error;
    // Most responses fit into the socket's buffer: written at once, without a round through the loop.
    std::size_t count = socket_.write_some(rest, error);
    if (error == boost::asio::error::would_block) {
      enter(Phase::writing);
      error = {};
      count = co_await socket_.async_write_some(rest, redirect_error(use_awaitable, error));
    }
    sent += count;
    if (error) gone_ = true;
  }
  out_.clear();
  co_return !gone_;
}

awaitable<void> Connection::linger() {
  error_code error;
  socket_.shutdown(tcp::socket::shutdown_send, error);
  enter(Phase::closing);
  std::array<char, 4096> unwanted;
  while (!error) {
    co_await socket_.async_read_some(boost::asio::buffer(unwanted), redirect_error(use_awaitable, error));
  }
}

// ── A client that hangs up while a handler runs ─────────────────────────────────────────────────────────────────────

void Connection::watch() {
  watching_ = true;
  socket_.async_wait(tcp::socket::wait_read, [this](const error_code& error) {
    watching_ = false;
    if (!error && interrupt_ != nullptr) look_at_input();
  });
}

// Pipelined requests are kept for later; the end of the stream means that nobody waits any more.
void Connection::look_at_input() {
  for (;;) {
    const auto room = reader_.room();
    if (room.size() == 0) return;  // enough is kept; the rest waits in the kernel, unseen
    error_code error;
    const std::size_t count = socket_.read_some(boost::asio::buffer(room), error);
    reader_.commit(count);
    if (error == boost::asio::error::would_block) return watch();
    if (error) {
      gone_ = true;
      interrupt_->raise({ErrorCode::closed, "the client hung up", {}});
      return;
    }
  }
}

// The watch holds a pointer to this object: it is over before anything else happens.
awaitable<void> Connection::end_watch() {
  error_code ignored;
  if (socket_.is_open()) socket_.cancel(ignored);
  while (watching_) co_await boost::asio::post(socket_.get_executor(), use_awaitable);
}

// ── From the server ─────────────────────────────────────────────────────────────────────────────────────────────────

void Connection::sweep(TimePoint now) {
  if (now < deadline_) return;
  timed_out_ = true;
  open_ = false;
  error_code ignored;
  socket_.cancel(ignored);
}

void Connection::finish() {
  if (std::exchange(finishing_, true)) return;
  error_code ignored;
  if (phase_ == Phase::idle || (phase_ == Phase::header && !reader_.has_started())) socket_.cancel(ignored);
}

void Connection::abort() {
  gone_ = true;
  open_ = false;
  if (interrupt_ != nullptr) interrupt_->raise({ErrorCode::closed, "the server stops", {}});
  error_code ignored;
  socket_.close(ignored);
}

}  // namespace zebu::webfront
