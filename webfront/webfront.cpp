#include "webfront/webfront.h"

#include "http/server.h"
#include "scrape/port.h"
#include "webfront/converter.h"
#include "webfront/gateway.h"
#include "webfront/guard.h"
#include "webfront/metrics.h"
#include "webfront/routes.h"
#include "zebu/program/log.h"
#include "zebu/program/loop_pulse.h"
#include "zebu/program/stop_signal.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <csignal>

namespace zebu::webfront {

// From the bottom up: each refers to those above it.
struct Webfront::Parts {
  explicit Parts(const Options& options)
      : gateway(loop, context, ClientOptions{options.broker, "webfront", options.liveness}),
        converter(loop),
        guard(loop, options.tokens),
        api{gateway, converter, counts, guard, std::chrono::duration_cast<std::chrono::seconds>(options.max_wait),
            false},
        routes(make_routes(api, guard)),
        http(counted(options)),
        server(loop, http, routes),
        drain_delay(options.drain_delay),
        stop(loop),
        drain(loop) {
    if (!options.metrics.is_on()) return;
    port.emplace("zebu-webfront", options.metrics, mailbox,
                 [this](const http::Request& request) { return guard.refuse_elsewhere(request, Right::read); });
  }

  http::ServerOptions counted(const Options& options) {
    http::ServerOptions its = options.http;
    if (options.metrics.is_on()) its.answered = [this](const http::Answered& answer) { counts.answered(answer); };
    return its;
  }

  // Once a second.
  void report(TimePoint::duration late) {
    counts.lag.observe(late);
    mailbox.renew(Clock::now(), [&] { return metrics_text(counts, gateway, server); });
  }

  void begin_stop(std::function<void()> done) {
    api.is_stopping = true;
    drain.expires_after(drain_delay);
    drain.async_wait([this, done = std::move(done)](const boost::system::error_code&) { server.stop(done); });
  }

  // Calls stop_by with the number of the first signal that is to stop the program.
  void watch(const StopSignal& signals, const std::function<void(int signal)>& stop_by) {
    stop.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                    [this, &signals, &stop_by](const boost::system::error_code& error) {
                      if (error) return;
                      while (const auto signal = signals.take()) {
                        if (*signal != SIGHUP || !guard.has_file()) return stop_by(*signal);
                        guard.reload();
                      }
                      watch(signals, stop_by);
                    });
  }

  boost::asio::io_context loop{1};
  SocketContext context;
  Gateway gateway;
  Converter converter;
  Counts counts;
  Guard guard;
  api::Api api;
  http::Routes routes;
  http::ServerOptions http;
  http::Server server;
  std::chrono::milliseconds drain_delay;
  boost::asio::posix::stream_descriptor stop;
  boost::asio::steady_timer drain;
  metrics::Mailbox mailbox;
  std::optional<scrape::Port> port;  // last: its thread asks the guard
};

Webfront::Webfront(const Options& options) : parts_(std::make_unique<Parts>(options)) {}

Webfront::~Webfront() {
  // The descriptor is the caller's.
  if (parts_->stop.is_open()) parts_->stop.release();
}

Result<void> Webfront::start() {
  if (auto guarded = parts_->guard.start(); !guarded) return guarded;
  if (auto listening = parts_->server.start(); !listening) return listening;
  if (parts_->port) {
    if (auto listening = parts_->port->start(); !listening) return listening;
  }
  return parts_->gateway.start();
}

std::string Webfront::address() const { return parts_->server.address(); }

std::string Webfront::metrics_address() const { return parts_->port ? parts_->port->address() : std::string(); }

void Webfront::run(const StopSignal& stop, Notifier& notifier, const std::function<void(int signal)>& stopping) {
  Parts& p = *parts_;
  LoopPulse pulse(p.loop, notifier, [&p] { return p.gateway.status(); });
  if (p.port) pulse.also([&p](TimePoint::duration late) { p.report(late); });
  pulse.start();
  p.stop.assign(stop.descriptor());
  const std::function<void(int)> stop_by = [&](int signal) {
    stopping(signal);
    p.begin_stop([&] {
      p.gateway.close();
      p.guard.stop();
      pulse.stop();
    });
  };
  p.watch(stop, stop_by);
  p.loop.run();
}

}  // namespace zebu::webfront
