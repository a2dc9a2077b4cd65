#include "broker/cli.h"
#include "broker/store/open_store.h"
#include "zebu/program/cli.h"
#include "zebu/wire/message.h"

#include <iostream>

namespace zebu::broker {

namespace {

void add_commands(CLI::App& app, MaintenanceOptions& maintenance) {
  const auto command = [&](const std::string& name, const std::string& what) {
    CLI::App* added = app.add_subcommand(name, what)->fallthrough();
    added->callback([&maintenance, name] { maintenance.command = name; });
    return added;
  };
  app.require_subcommand(0, 1);
  command("check", "check the store for damage; no broker may be using it");
  CLI::App* backup = command("backup", "copy the store to a file; a broker may be using it");
  backup->add_option("--to", maintenance.to, "the file to write")->required()->configurable(false);
  backup->add_flag("--force", maintenance.force, "replace the file if it exists")->configurable(false);
  command("compact", "give the store's unused space back to the disk; no broker may be using it");
}

}  // namespace

std::optional<int> parse_options(int argc, const char* const* argv, Options& options, MaintenanceOptions& maintenance) {
  CLI::App app("Zebu's broker: takes jobs from clients, hands them to consumers, and keeps them in between.",
               "zebu-broker");
  cli::add_standard_options(app, options.log_level);
  app.add_option("--clients", options.clients,
                 "where clients connect: tcp://ADDRESS:PORT; * is every address or any free port")
      ->check(cli::why_no_endpoint)
      ->capture_default_str();
  app.add_option("--consumers", options.consumers, "where consumers connect")
      ->check(cli::why_no_endpoint)
      ->capture_default_str();
  options.store = default_store();
  app.add_option("--store", options.store,
                 "where durable jobs live: sqlite:PATH, or memory, where they are lost with the process")
      ->check([](const std::string& store) {
        return is_store(store) ? "" : "'" + store + "' is neither sqlite:PATH nor memory";
      })
      ->capture_default_str();
  cli::add_duration(app, "--liveness", options.liveness, "a peer that is silent for this long is lost");
  app.add_option("--queue-limit", options.queue_limit, "jobs that may be queued in one queue")
      ->check(CLI::Range(1ULL, 1ULL << 40))
      ->capture_default_str();
  app.add_option("--queue-bytes", options.queue_bytes, "bytes that may be queued in one queue")
      ->check(CLI::Range(1ULL, 1ULL << 50))
      ->capture_default_str();
  app.add_option("--transient-limit", options.transient_limit, "transient jobs that may be queued in one queue")
      ->check(CLI::Range(1ULL, 1ULL << 40))
      ->capture_default_str();
  app.add_option("--transient-bytes", options.transient_bytes,
                 "bytes of transient jobs that may be queued in one queue")
      ->check(CLI::Range(1ULL, 1ULL << 50))
      ->capture_default_str();
  app.add_option("--window", options.window, "queued durable jobs of one queue that are kept in memory")
      ->check(CLI::Range(64ULL, 10'000'000ULL))
      ->capture_default_str();
  cli::add_duration(app, "--result-ttl", options.result_ttl,
                    "how long outcomes are kept; failed jobs stay until they are retried or purged");
  app.add_option("--max-crashes", options.max_crashes, "a job fails after its process has died this often")
      ->check(CLI::Range(1U, 1'000'000U))
      ->capture_default_str();
  app.add_option("--max-losses", options.max_losses, "a job fails after its consumer was lost this often")
      ->check(CLI::Range(1U, 1'000'000U))
      ->capture_default_str();
  app.add_option("--keep", options.keep, "finished transient jobs that are kept, newest first")
      ->check(CLI::Range(1ULL, 1ULL << 40))
      ->capture_default_str();
  app.add_option("--keep-bytes", options.keep_bytes, "bytes of finished jobs that are kept in memory")
      ->check(CLI::Range(1ULL, 1ULL << 50))
      ->capture_default_str();
  app.add_option("--grant", options.grant, "jobs that one client may have submitted before they are accepted")
      ->check(CLI::Range(1U, message::kMaxList))
      ->capture_default_str();
  app.add_option_function<std::uint32_t>(
         "--spin", [&](std::uint32_t us) { options.spin = std::chrono::microseconds(us); },
         "microseconds that a thread spins around a commit before it sleeps; 0: no spinning")
      ->check(CLI::Range(0U, 1000U))
      ->default_str(std::to_string(options.spin.count()));
  app.add_option("--max-message", options.max_message, "the largest message, in bytes")
      ->check(CLI::Range(1024ULL, 1ULL << 30))
      ->capture_default_str();
  app.add_option("--max-peers", options.max_peers, "clients and consumers that may be connected at a time")
      ->check(CLI::Range(1ULL, 1ULL << 20))
      ->capture_default_str();
  app.add_option("--max-queues", options.max_queues, "queues that may exist at a time")
      ->check(CLI::Range(1ULL, 1ULL << 30))
      ->capture_default_str();
  app.add_option("--max-lines", options.max_lines, "pairs of queue and task whose jobs may wait at a time")
      ->check(CLI::Range(1ULL, 1ULL << 30))
      ->capture_default_str();
  add_commands(app, maintenance);
  if (const auto exit_code = cli::parse(app, argc, argv)) return exit_code;
  if (options.liveness < std::chrono::milliseconds(100)) {
    std::cerr << "zebu-broker: --liveness must be at least 100ms\n";
    return cli::kExitUsage;
  }
  return std::nullopt;
}

}  // namespace zebu::broker
