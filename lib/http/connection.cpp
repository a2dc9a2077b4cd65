#include "http/connection.h"

#include "http/connection_limits.h"
#include "http/problem.h"
#include "http/response_writer.h"
#include "zebu/program/log.h"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>

namespace zebu::http {

using boost::asio::awaitable;
using boost::asio::redirect_error;
using boost::asio::use_awaitable;
using boost::system::error_code;
using tcp = boost::asio::ip::tcp;
using namespace std::chrono_literals;

namespace {

// How long a connection past the limit may take to send its request.
constexpr auto kPatience = 1s;
// Of a response after which the connection is closed, whatever the request said.
constexpr Framing kLast{false, false, false};
constexpr std::string_view kTooMany = "it has as many connections as it may have: try again soon";

}  // namespace

Connection::Connection(tcp::socket socket, const Shared& shared, bool has_room)
    : socket_(std::move(socket)),
      shared_(shared),
      reader_(shared.options.max_header, shared.options.max_body),
      received_bytes_(shared.budget),
      unsent_bytes_(shared.budget),
      kept_bytes_(shared.budget),
      watch_(socket_, reader_, out_, [this](std::size_t unparsed) { return may_hold(unparsed); }),
      has_room_(has_room) {
  error_code ignored;
  socket_.non_blocking(true, ignored);
  socket_.set_option(tcp::no_delay(true), ignored);
  if (!is_logged(Event::http_request)) return;
  const auto peer = socket_.remote_endpoint(ignored);
  if (!ignored) peer_ = peer.address().to_string() + ":" + std::to_string(peer.port());
}

awaitable<void> Connection::serve() {
  enter(Phase::header);
  while (open_ && !is_gone()) {
    const bool complete = co_await receive();
    if (!complete) {
      // Of one that was refused.
      if (record_.status) note_request();
      break;
    }
    co_await answer();
    note_request();
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
      // What it has sent goes now, not when it has read the response: others need the room.
      reader_.drop_body();
      received_bytes_.release();
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
  record_.method = request.method;
  record_.route = choice.route;
  if (is_watched()) record_.began = Clock::now();
  std::optional<Response> response = std::move(choice.instead);
  if (choice.route != nullptr) response = co_await handle(request, *choice.route);
  if (is_gone() || !response) co_return;
  const bool goes_on = may_go_on();
  respond(std::move(*response), {reader_.is_http_1_0(), goes_on, request.method == Method::head});
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

awaitable<std::optional<Response>> Connection::handle(Request& request, const Route& route) {
  Cancellation cancellation;
  ResponseWriter writer(*this, request.method == Method::head);
  request.cancellation = cancellation_ = &cancellation;
  request.writer = &writer;
  is_endless_ = route.is_endless;
  request.drop_body = [this] {
    reader_.drop_body();
    received_bytes_.release();
  };
  std::optional<Response> response;
  try {
    if (finishing_ && is_endless_) cancellation.raise(Ending::stopping);
    if (route.waits) {
      // Earlier responses do not wait for this one.
      if (!out_.empty()) co_await flush();
      enter(Phase::handler);
      watch_.begin(cancellation);
    }
    response = co_await route.handler(request);
  } catch (const std::exception& e) {
    log_event(Event::handler_failed, {}, "a request handler failed: {}", e.what());
    response = problem_response(problems::kInternal, "see the server's log");
    broken_ = broken_ || writer.has_begun();
  }
  cancellation_ = nullptr;
  kept_bytes_.release();
  if (watch_.is_pending()) co_await watch_.end();
  if (writer.has_begun()) {
    end_pieces(writer.is_head());
    co_return std::nullopt;
  }
  co_return response;
}

const std::string& Connection::request_id() {
  constexpr std::size_t kLongest = 64;
  if (!record_.id.empty()) return record_.id;
  const std::string_view given = reader_.has_header() ? reader_.request_id() : std::string_view();
  const bool is_fit = !given.empty() && given.size() <= kLongest &&
                      std::all_of(given.begin(), given.end(), [](char c) { return c > ' ' && c <= '~'; });
  return record_.id = is_fit ? std::string(given) : Uuid::make().to_string();
}

bool Connection::is_watched() const { return shared_.options.answered || is_logged(Event::http_request); }

void Connection::note_request() {
  if (is_watched()) {
    const TimePoint now = Clock::now();
    const TimePoint began = record_.began.value_or(now);
    if (record_.status && shared_.options.answered) {
      const auto took = record_.route ? record_.made.value_or(now) - began : TimePoint::duration();
      shared_.options.answered({record_.route, *record_.status, took});
    }
    log_event(Event::http_request,
              {{"method", name_of(record_.method)},
               {"route", record_.route ? record_.route->path : std::string_view()},
               {"status", record_.status},
               {"bytes", record_.bytes},
               {"duration_ms", std::chrono::duration_cast<std::chrono::milliseconds>(now - began).count()},
               {"request_id", request_id()},
               {"peer", peer_}},
              "a request was {}", record_.status ? "answered" : "left by its client");
  }
  record_ = {};
}

// ── From the server ─────────────────────────────────────────────────────────────────────────────────────────────────

void Connection::sweep(TimePoint now) {
  if (phase_ != Phase::writing) watch_.sweep(now);
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
  if (cancellation_ != nullptr && is_endless_) cancellation_->raise(Ending::stopping);
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
