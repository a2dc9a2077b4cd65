#include "webfront/webfront.h"

#include "http/server.h"
#include "webfront/converter.h"
#include "webfront/gateway.h"
#include "webfront/guard.h"
#include "webfront/routes.h"
#include "zebu/program/log.h"
#include "zebu/program/loop_pulse.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

namespace zebu::webfront {

// From the bottom up: each refers to those above it.
struct Webfront::Parts {
  explicit Parts(const Options& options)
      : gateway(loop, context, ClientOptions{options.broker, "webfront", options.liveness}),
        converter(loop),
        api{gateway, converter, std::chrono::duration_cast<std::chrono::seconds>(options.max_wait), false},
        guard(loop, options.tokens),
        routes(make_routes(api, guard)),
        server(loop, options.http, routes),
        drain_delay(options.drain_delay),
        stop(loop),
        drain(loop) {}

  void begin_stop(std::function<void()> done) {
    api.is_stopping = true;
    drain.expires_after(drain_delay);
    drain.async_wait([this, done = std::move(done)](const boost::system::error_code&) { server.stop(done); });
  }

  boost::asio::io_context loop{1};
  SocketContext context;
  Gateway gateway;
  Converter converter;
  api::Api api;
  Guard guard;
  http::Routes routes;
  http::Server server;
  std::chrono::milliseconds drain_delay;
  boost::asio::posix::stream_descriptor stop;
  boost::asio::steady_timer drain;
};

Webfront::Webfront(const Options& options) : parts_(std::make_unique<Parts>(options)) {}

Webfront::~Webfront() {
  // The descriptor is the caller's.
  if (parts_->stop.is_open()) parts_->stop.release();
}

Result<void> Webfront::start() {
  if (auto guarded = parts_->guard.start(); !guarded) return guarded;
  if (auto listening = parts_->server.start(); !listening) return listening;
  return parts_->gateway.start();
}

std::string Webfront::address() const { return parts_->server.address(); }

void Webfront::run(int stop_descriptor, Notifier& notifier, const std::function<void()>& stopping) {
  Parts& p = *parts_;
  LoopPulse pulse(p.loop, notifier, [&p] { return p.gateway.status(); });
  pulse.start();
  p.stop.assign(stop_descriptor);
  p.stop.async_wait(boost::asio::posix::stream_descriptor::wait_read, [&](const boost::system::error_code& error) {
    if (error) return;
    stopping();
    p.begin_stop([&] {
      p.gateway.close();
      p.guard.stop();
      pulse.stop();
    });
  });
  p.loop.run();
}

}  // namespace zebu::webfront
