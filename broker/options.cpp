#include "broker_cli.h"

#include <zebu/cli.h>
#include <zebu/message.h>

#include <iostream>

namespace zebu::broker {

std::optional<int> parse_options(int argc, const char* const* argv, Options& options) {
  CLI::App app("Zebu's broker: takes jobs from clients, gives them to consumers, and owns them in between.",
               "zebu-broker");
  cli::add_standard_options(app, options.log_level);
  app.add_option("--clients", options.clients,
                 "where clients connect: tcp://ADDRESS:PORT; * is every address or any free port")
      ->capture_default_str();
  app.add_option("--consumers", options.consumers, "where consumers connect")->capture_default_str();
  app.add_option("--store", options.store, "where durable jobs live; memory: lost with the process")
      ->check(CLI::IsMember({"memory"}))
      ->capture_default_str();
  cli::add_duration(app, "--liveness", options.liveness, "a peer that is silent for so long is lost");
  app.add_option("--queue-limit", options.queue_limit, "jobs that may be queued in one queue")
      ->check(CLI::Range(1ULL, 1ULL << 40))
      ->capture_default_str();
  app.add_option("--queue-bytes", options.queue_bytes, "bytes that may be queued in one queue")
      ->check(CLI::Range(1ULL, 1ULL << 50))
      ->capture_default_str();
  app.add_option("--keep", options.keep, "finished jobs that are remembered, newest first")
      ->check(CLI::Range(1ULL, 1ULL << 40))
      ->capture_default_str();
  app.add_option("--keep-bytes", options.keep_bytes, "bytes of finished jobs that are remembered")
      ->check(CLI::Range(1ULL, 1ULL << 50))
      ->capture_default_str();
  app.add_option("--grant", options.grant, "jobs that one client may have submitted and not seen accepted")
      ->check(CLI::Range(1U, message::kMaxList))
      ->capture_default_str();
  app.add_option("--max-message", options.max_message, "bytes that a message may have")
      ->check(CLI::Range(1024ULL, 1ULL << 30))
      ->capture_default_str();
  app.add_option("--max-peers", options.max_peers, "clients and consumers that may be connected at a time")
      ->check(CLI::Range(1ULL, 1ULL << 20))
      ->capture_default_str();
  app.add_option("--max-queues", options.max_queues, "queues that may exist at a time")
      ->check(CLI::Range(1ULL, 1ULL << 30))
      ->capture_default_str();
  if (const auto exit_code = cli::parse(app, argc, argv)) return exit_code;
  if (options.liveness < std::chrono::milliseconds(100)) {
    std::cerr << "zebu-broker: --liveness must be at least 100ms\n";
    return cli::kExitUsage;
  }
  return std::nullopt;
}

}  // namespace zebu::broker
