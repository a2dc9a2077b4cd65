#include "scrape/port.h"

#include "http/problem.h"
#include "http/routes.h"
#include "http/server.h"
#include "scrape/process_metrics.h"
#include "zebu/asio.h"
#include "zebu/version.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <sys/prctl.h>

#include <thread>

namespace zebu::scrape {
namespace {

using namespace std::chrono_literals;

// How often the mailbox is looked at while the first to ask waits.
constexpr auto kLook = 25ms;

http::ServerOptions server_options(std::string_view program, const Options& options) {
  http::ServerOptions http;
  http.name = std::string(program) + "/" + std::string(kVersion);
  http.listen = options.listen;
  http.allowed_hosts = options.hosts;
  http.max_body = 1;
  http.max_buffered = 64U << 20;
  http.max_connections = Port::kMaxConnections;
  http.grace = 250ms;
  return http;
}

http::Response stands_still() {
  http::Response response =
      http::problem_response(http::problems::kOverloaded, "the program's loop has not left its metrics in time");
  response.headers = http::retry_after(1s);
  return response;
}

}  // namespace

struct Port::Parts {
  Parts(std::string_view program, const Options& its_options, metrics::Mailbox& its_mailbox, Guard its_guard)
      : mailbox(its_mailbox),
        guard(std::move(its_guard)),
        options(server_options(program, its_options)),
        routes(
            {{http::Method::get, "/metrics", [this](const http::Request& request) { return answer(request); }, true}},
            "there is only /metrics"),
        server(loop, options, routes) {}

  http::Answer answer(const http::Request& request);

  boost::asio::io_context loop{1};
  metrics::Mailbox& mailbox;
  Guard guard;
  ProcessMetrics process;
  http::ServerOptions options;
  http::Routes routes;
  http::Server server;
  std::string address;
  bool is_stopping = false;  // the thread's
  std::thread thread;
};

http::Answer Port::Parts::answer(const http::Request& request) {
  if (guard) {
    if (auto refusal = guard(request)) co_return std::move(*refusal);
  }
  boost::asio::steady_timer pause(loop);
  const TimePoint until = Clock::now() + kWait;
  auto letter = mailbox.ask(Clock::now());
  while (!letter || Clock::now() - letter->made > letter->fresh_for) {
    if (is_stopping || Clock::now() >= until) co_return stands_still();
    pause.expires_after(kLook);
    boost::system::error_code ignored;
    co_await pause.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, ignored));
    letter = mailbox.ask(Clock::now());
  }
  metrics::Text text;
  process.write(text);
  co_return http::Response{200, metrics::kContentType, letter->text + text.take(), {}};
}

Port::Port(std::string_view program, const Options& options, metrics::Mailbox& mailbox, Guard guard)
    : parts_(std::make_unique<Parts>(program, options, mailbox, std::move(guard))) {}

Port::~Port() {
  if (!parts_->thread.joinable()) return;
  boost::asio::post(parts_->loop, [this] {
    parts_->is_stopping = true;
    parts_->server.stop([] {});
  });
  parts_->thread.join();
}

Result<void> Port::start() {
  if (auto listening = parts_->server.start(); !listening) return listening;
  parts_->address = parts_->server.address();
  parts_->thread = std::thread([this] {
    ::prctl(PR_SET_NAME, "zebu-metrics");
    parts_->loop.run();
  });
  return {};
}

const std::string& Port::address() const { return parts_->address; }

}  // namespace zebu::scrape
