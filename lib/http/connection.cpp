#include "http/connection.h"

#include "http/problem.h"
#include "zebu/program/log.h"

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <array>

namespace zebu::http {

using boost::asio::awaitable;
using boost::asio::redirect_error;
using boost::asio::use_awaitable;
using boost::system::error_code;
using tcp = boost::asio::ip::tcp;
using namespace std::chrono_literals;

namespace {

// Responses to pipelined requests are gathered up to here before they are written. A larger body is written by itself.
constexpr std::size_t kMaxGathered = 64U << 10;
// What each connection may hold in each direction without a share of the budget.
constexpr std::size_t kFree = 16U << 10;
// How much is handed to the kernel at once, and how much before other connections have their turn.
constexpr std::size_t kMaxWrite = 64U << 10;
constexpr std::size_t kTurn = 256U << 10;
// How long a closed connection still reads what the client sends: a reset would discard the last response before the
// client has read it (RFC 9112, 9.6).
constexpr auto kLinger = 2s;
// How long a connection past the limit may take to send its request.
constexpr auto kPatience = 1s;
// Of a response after which the connection is closed, whatever the request said.
constexpr Framing kLast{false, false, false};
constexpr std::string_view kTooMany = "it has as many connections as it may have: try again soon";

std::size_t counted(std::size_t bytes) { return bytes > kFree ? bytes : 0; }

Response overloaded(std::string_view why) {
  Response response = problem_response(problems::kOverloaded, why);
  response.headers = retry_after(1s);
  return response;
}

// Empties it. Memory that only a large response needed is given back.
void clear(std::string& sent) {
  if (sent.capacity() > 2 * kMaxGathered) {
    std::string().swap(sent);
  } else {
    sent.clear();
  }
}

}  // namespace

Connection::Connection(tcp::socket socket, const Shared& shared, bool has_room)
    : socket_(std::move(socket)),
      shared_(shared),
      reader_(shared.options.max_header, shared.options.max_body),
      received_bytes_(shared.budget),
      unsent_bytes_(shared.budget),
      watch_(socket_, reader_, out_, [this](std::size_t unparsed) { return may_hold(unparsed); }),
      has_room_(has_room) {
  error_code ignored;
  socket_.non_blocking(true, ignored);
  socket_.set_option(tcp::no_delay(true), ignored);
}

awaitable<void> Connection::serve() {
  enter(Phase::header);
  while (open_ && !is_gone()) {
    const bool complete = co_await receive();
    if (!complete) break;
    co_await answer();
    reader_.begin();
    received_bytes_.release();
    enter(Phase::idle);
  }
  if (is_gone()) co_return;
  const bool flushed = co_await flush();
  if (flushed) co_await linger();
}

void Connection::enter(Phase phase) {
  phase_ = phase;
  switch (phase) {
    case Phase::header:
      deadline_ = Clock::now() + shared_.options.header_timeout;
      if (!has_room_) deadline_ = std::min(deadline_, Clock::now() + kPatience);
      break;
    case Phase::body:
      deadline_ = Clock::now() + shared_.options.body_timeout;
      break;
    case Phase::idle:
    case Phase::writing:
      deadline_ = Clock::now() + shared_.options.idle_timeout;
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

// Returns true when the request is complete, false when it was refused or the client is gone.
awaitable<bool> Connection::receive() {
  bool continued = false;
  for (;;) {
    const auto step = reader_.step();
    if (step == RequestReader::Step::complete) co_return true;
    if (step == RequestReader::Step::refused) {
      refuse_request();
      co_return false;
    }
    if (!has_room_ && reader_.has_header()) {
      open_ = false;
      respond(overloaded(kTooMany), kLast);
      co_return false;
    }
    if (!may_hold(reader_.unparsed_size())) {
      open_ = false;
      respond(overloaded("too many large bodies are being received: try again soon"), kLast);
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

bool Connection::may_hold(std::size_t unparsed) {
  return received_bytes_.resize(counted(reader_.body_size()) + counted(unparsed));
}

awaitable<bool> Connection::read_more() {
  if (reader_.has_header() && phase_ != Phase::body) enter(Phase::body);
  if (reader_.has_started() && phase_ == Phase::idle) enter(Phase::header);
  if (finishing_ && !reader_.has_started()) co_return false;
  const auto room = reader_.room();
  error_code error;
  const std::size_t count = co_await socket_.async_read_some(boost::asio::buffer(room.data(), room.size()),
                                                             redirect_error(use_awaitable, error));
  reader_.commit(count);
  if (!error) co_return true;
  open_ = false;
  if (timed_out_ && !has_room_) {
    respond(overloaded(kTooMany), kLast);
  } else if (timed_out_ && reader_.has_started()) {
    respond(problem_response(problems::kTimedOut, "the request did not arrive within the time limit"), kLast);
  } else {
    broken_ = true;
  }
  co_return false;
}

void Connection::refuse_request() {
  const auto& refusal = reader_.refusal();
  open_ = false;
  respond(problem_response(refusal.problem, refusal.detail), kLast);
}

// ── Respond ─────────────────────────────────────────────────────────────────────────────────────────────────────────

awaitable<void> Connection::answer() {
  Request request;
  reader_.fill(request);
  Routes::Choice choice = choose(request);
  Response response = std::move(choice.instead);
  if (choice.route != nullptr) response = co_await handle(request, *choice.route);
  if (is_gone()) co_return;
  const bool goes_on = reader_.keep_alive() && has_room_ && !finishing_;
  respond(std::move(response), {reader_.is_http_1_0(), goes_on, request.method == Method::head});
  open_ = goes_on;
  if (out_.size() + body_.size() > kMaxGathered) co_await flush();
}

Routes::Choice Connection::choose(Request& request) const {
  if (!request.target.parse(reader_.target())) {
    return {nullptr, problem_response(problems::kBadRequest, "the request target is not a valid path")};
  }
  if (auto refusal = shared_.hosts.refuse(request)) return {nullptr, std::move(*refusal)};
  Routes::Choice choice = shared_.routes.choose(request);
  const bool is_vital = choice.route != nullptr && choice.route->is_vital;
  if (!has_room_ && !is_vital) return {nullptr, overloaded(kTooMany)};
  return choice;
}

awaitable<Response> Connection::handle(Request& request, const Route& route) {
  Cancellation cancellation;
  request.cancellation = cancellation_ = &cancellation;
  request.drop_body = [this] {
    reader_.drop_body();
    received_bytes_.release();
  };
  Response response;
  try {
    if (route.waits) {
      // Earlier responses do not wait for this one.
      if (!out_.empty()) co_await flush();
      enter(Phase::handler);
      watch_.begin(cancellation);
    }
    response = co_await route.handler(request);
  } catch (const std::exception& e) {
    spdlog::error("a request handler failed: {}", e.what());
    response = problem_response(problems::kInternal, "see the server's log");
  }
  cancellation_ = nullptr;
  if (watch_.is_pending()) co_await watch_.end();
  co_return response;
}

void Connection::respond(Response response, const Framing& framing) {
  const std::size_t size = response.body.size();
  const bool is_large = !framing.is_head && size > kMaxGathered;
  if (is_large && !unsent_bytes_.resize(size)) {
    // The headers say where the response can be had later.
    const std::string headers = std::move(response.headers);
    response = overloaded("too many large responses wait to be read: try again soon");
    response.headers += headers;
  }
  append_head(out_, response, framing, shared_.headers);
  if (!has_body(response, framing)) return;
  if (response.body.size() > kMaxGathered) {
    body_ = std::move(response.body);
  } else {
    out_ += response.body;
  }
}

awaitable<bool> Connection::flush() {
  for (std::string* part : {&out_, &body_}) {
    std::size_t sent = 0;
    while (sent < part->size() && !is_gone()) {
      const auto rest = boost::asio::buffer(part->data() + sent, std::min(part->size() - sent, kMaxWrite));
      error_code error;
      // Most responses fit into the socket's buffer, and are written at once without a pass through the loop.
      std::size_t count = socket_.write_some(rest, error);
      if (error == boost::asio::error::would_block) {
        // A large body has its share already.
        if (body_.empty() && !unsent_bytes_.resize(counted(out_.size()))) {
          spdlog::warn("closing a connection that does not read its responses: all connections hold too much");
          broken_ = true;
          break;
        }
        enter(Phase::writing);
        error = {};
        count = co_await socket_.async_write_some(rest, redirect_error(use_awaitable, error));
        written_ = 0;
      }
      sent += count;
      if (error) broken_ = true;
      if ((written_ += count) < kTurn) continue;
      written_ = 0;
      enter(Phase::writing);
      co_await boost::asio::post(socket_.get_executor(), use_awaitable);
    }
    clear(*part);
  }
  unsent_bytes_.release();
  co_return !is_gone();
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

void Connection::conclude() {
  finish();
  if (cancellation_ != nullptr) {
    cancellation_->raise(Ending::stopping);
  } else if (phase_ != Phase::writing && phase_ != Phase::closing) {
    abort();
  }
}

void Connection::abort() {
  broken_ = true;
  open_ = false;
  if (cancellation_ != nullptr) cancellation_->raise(Ending::hung_up);
  error_code ignored;
  socket_.close(ignored);
}

}  // namespace zebu::http
