#include "webfront/health_check.h"
#include "webfront/webfront.h"
#include "zebu/program/exit_codes.h"
#include "zebu/program/log.h"
#include "zebu/program/stop_signal.h"

#include <cstdio>
#include <cstring>

int main(int argc, char** argv) {
  using namespace zebu;
  webfront::Options options;
  if (const auto code = webfront::parse_options(argc, argv, options)) return *code;
  if (!options.token.name.empty()) return webfront::make_token_for(options.token, options.tokens);
  start_log({"zebu-webfront", options.log_level, options.log_format});
  const StopSignal stop;
  Notifier notifier;
  try {
    if (options.check) {
      const auto healthy = webfront::check_health(options);
      if (!healthy) log_event(Event::start_failed, {}, "{}", healthy.error().message);
      return healthy ? cli::kExitOk : cli::kExitFailure;
    }
    webfront::Webfront front(options);
    if (const auto started = front.start(); !started) {
      log_event(Event::start_failed, {}, "{}", started.error().message);
      return cli::kExitFailure;
    }
    const std::string metrics = front.metrics_address();
    std::printf("zebu-webfront ready http=http://%s%s\n", front.address().c_str(),
                metrics.empty() ? "" : (" metrics=http://" + metrics).c_str());
    std::fflush(stdout);
    notifier.ready();
    front.run(stop, notifier, [&](int signal) {
      stop.let_next_one_kill();
      notifier.stopping();
      log_event(Event::stopping, {{"signal", ::sigabbrev_np(signal)}}, "stopping: SIG{}", ::sigabbrev_np(signal));
    });
    log_event(Event::stopped, {}, "stopped");
  } catch (const std::exception& e) {
    log_event(Event::start_failed, {}, "{}", e.what());
    return cli::kExitFailure;
  }
  return cli::kExitOk;
}
