#include <utility>
// <utility> first: Boost 1.74's Asio uses std::exchange without including it.
#include "webfront/webfront.h"
#include "zebu/program/log.h"

namespace zebu::webfront {

Webfront::Webfront(const Options& options)
    : gateway_(loop_, context_, ClientOptions{options.broker, "webfront", options.liveness}),
      routes_(gateway_, options),
      server_(loop_, options, routes_),
      stop_(loop_) {}

Webfront::~Webfront() {
  if (stop_.is_open()) stop_.release();
}

Result<void> Webfront::start() {
  if (auto listening = server_.start(); !listening) return listening;
  return gateway_.start();
}

void Webfront::run(int stop_descriptor) {
  stop_.assign(stop_descriptor);
  stop_.async_wait(boost::asio::posix::stream_descriptor::wait_read, [this](const boost::system::error_code& error) {
    if (error) return;
    spdlog::info("told to stop");
    server_.stop([this] { gateway_.close(); });
  });
  loop_.run();
}

}  // namespace zebu::webfront
