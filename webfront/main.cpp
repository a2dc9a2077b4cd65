#include "webfront/health_check.h"
#include "webfront/webfront.h"
#include "zebu/program/exit_codes.h"
#include "zebu/program/log.h"
#include "zebu/program/stop_signal.h"

#include <cstdio>

int main(int argc, char** argv) {
  using namespace zebu;
  webfront::Options options;
  if (const auto code = webfront::parse_options(argc, argv, options)) return *code;
  start_log("zebu-webfront", options.log_level);
  const StopSignal stop;
  try {
    if (options.check) {
      const auto healthy = webfront::check_health(options);
      if (!healthy) spdlog::error("{}", healthy.error().message);
      return healthy ? cli::kExitOk : cli::kExitFailure;
    }
    webfront::Webfront front(options);
    if (const auto started = front.start(); !started) {
      spdlog::error("{}", started.error().message);
      return cli::kExitFailure;
    }
    std::printf("zebu-webfront ready http=http://%s\n", front.address().c_str());
    std::fflush(stdout);
    front.run(stop.descriptor());
  } catch (const std::exception& e) {
    spdlog::error("{}", e.what());
    return cli::kExitFailure;
  }
  return cli::kExitOk;
}
