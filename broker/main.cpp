#include "broker/cli.h"
#include "broker/server/server.h"
#include "broker/store/maintenance.h"
#include "broker/store/open_store.h"
#include "zebu/program/exit_codes.h"
#include "zebu/program/log.h"
#include "zebu/program/stop_signal.h"

#include <cstdio>

int main(int argc, char** argv) {
  using namespace zebu;
  broker::Options options;
  broker::MaintenanceOptions maintenance;
  if (const auto exit_code = broker::parse_options(argc, argv, options, maintenance)) return *exit_code;
  if (!maintenance.command.empty()) return broker::run_maintenance(maintenance, options.store);
  start_log("zebu-broker", options.log_level);
  const StopSignal stop;
  const unsigned long files = raise_open_files();

  auto store = broker::open_store(options.store);
  if (!store) return spdlog::error("{}", store.error().message), cli::kExitFailure;
  auto server = broker::Server::create(options, std::move(*store));
  if (!server) return spdlog::error("{}", server.error().message), cli::kExitFailure;

  spdlog::info("store {}, liveness {} ms, up to {} connections", options.store, options.liveness.count(), files);
  std::printf("zebu-broker ready clients=%s consumers=%s\n", (*server)->clients_endpoint().c_str(),
              (*server)->consumers_endpoint().c_str());
  std::fflush(stdout);
  if (const auto ran = (*server)->run(stop.descriptor()); !ran) {
    spdlog::critical("{}", ran.error().message);
    return cli::kExitIo;
  }
  spdlog::info("stopped");
  return cli::kExitOk;
}
