#include "broker/cli.h"
#include "broker/server/server.h"
#include "broker/store/maintenance.h"
#include "broker/store/open_store.h"
#include "scrape/port.h"
#include "zebu/program/exit_codes.h"
#include "zebu/program/log.h"
#include "zebu/program/stop_signal.h"
#include "zebu/version.h"

#include <csignal>
#include <cstdio>
#include <cstring>

namespace {

int not_started(const zebu::Error& why) {
  zebu::log_event(zebu::Event::start_failed, {}, "{}", why.message);
  return zebu::cli::kExitFailure;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace zebu;
  broker::Options options;
  broker::MaintenanceOptions maintenance;
  scrape::Options metrics;
  if (const auto exit_code = broker::parse_options(argc, argv, options, maintenance, metrics)) return *exit_code;
  if (!maintenance.command.empty()) return broker::run_maintenance(maintenance, options.store);
  start_log({"zebu-broker", options.log_level, options.log_format});
  options.tells_moves = is_logged(Event::job_finished);
  const StopSignal stop;
  Notifier notifier;
  const unsigned long files = raise_open_files();

  auto store = broker::open_store(options.store, options.store_reserve);
  if (!store) return not_started(store.error());
  metrics::Mailbox mailbox;
  auto server = broker::Server::create(options, std::move(*store));
  if (!server) return not_started(server.error());
  std::optional<scrape::Port> port;
  if (metrics.is_on()) {
    (*server)->report_to(mailbox);
    port.emplace("zebu-broker", metrics, mailbox);
    if (const auto listening = port->start(); !listening) return not_started(listening.error());
  }

  log_event(
      Event::broker_started,
      {{"version", kVersion}, {"store", options.store}, {"liveness_ms", options.liveness}, {"connections", files}},
      "store {}, liveness {} ms, up to {} connections", options.store, options.liveness.count(), files);
  std::printf("zebu-broker ready clients=%s consumers=%s%s\n", (*server)->clients_endpoint().c_str(),
              (*server)->consumers_endpoint().c_str(), port ? (" metrics=http://" + port->address()).c_str() : "");
  std::fflush(stdout);
  notifier.ready();
  const auto stopping = [&] {
    const int signal = stop.let_next_one_kill().value_or(SIGTERM);
    notifier.stopping();
    log_event(Event::stopping, {{"signal", ::sigabbrev_np(signal)}}, "stopping: SIG{}", ::sigabbrev_np(signal));
  };
  if (const auto ran = (*server)->run(stop.descriptor(), notifier, stopping); !ran) {
    log_event(Event::store_failed, {}, "{}", ran.error().message);
    return cli::kExitIo;
  }
  log_event(Event::stopped, {}, "stopped");
  return cli::kExitOk;
}
