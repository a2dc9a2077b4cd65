#include "http/connection.h"
#include "http/connection_limits.h"
#include "http/problem.h"
#include "zebu/program/log.h"

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <array>

// What a connection sends.
namespace zebu::http {

using boost::asio::awaitable;
using boost::asio::redirect_error;
using boost::asio::use_awaitable;
using boost::system::error_code;
using tcp = boost::asio::ip::tcp;

namespace {

// Empties it. Memory that only a large response needed is given back.
void clear(std::string& sent) {
  if (sent.capacity() > 2 * kMaxGathered) {
    std::string().swap(sent);
  } else {
    sent.clear();
  }
}

}  // namespace

Response overloaded(std::string_view why) {
  Response response = problem_response(problems::kOverloaded, why);
  response.headers = retry_after(std::chrono::seconds(1));
  return response;
}

void Connection::respond(Response response, Framing framing) {
  framing.request_id = request_id();
  const std::size_t size = response.body.size();
  const bool is_large = !framing.is_head && size > kMaxGathered;
  if (is_large && !unsent_bytes_.resize(size)) {
    // The headers say where the response can be had later.
    const std::string headers = std::move(response.headers);
    response = overloaded("too many large responses wait to be read: try again soon");
    response.headers += headers;
  }
  append_head(out_, response, framing, shared_.headers);
  record_.status = response.status;
  if (record_.began) record_.made = Clock::now();
  record_.bytes = has_body(response, framing) ? response.body.size() : 0;
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
          log_event(Event::reader_dropped, {},
                    "closing a connection that does not read its responses: all connections hold too much");
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

}  // namespace zebu::http
