#include "broker/cli.h"
#include "broker/store/open_store.h"
#include "broker/store/sqlite/schema.h"
#include "zebu/program/cli.h"
#include "zebu/program/option_text.h"
#include "zebu/wire/message.h"

namespace zebu::broker {

namespace {

constexpr std::uint64_t kLeastReserve = 1U << 20;

void add_commands(cli::Command& app, MaintenanceOptions& maintenance) {
  const auto command = [&](const std::string& name, const std::string& what) {
    cli::Command added = app.subcommand(name, what);
    added.on_chosen([&maintenance, name] { maintenance.command = name; });
    return added;
  };
  command("check", "check the store for damage; no broker may be using it")
      .example("zebu-broker check --store sqlite:/var/lib/zebu/zebu.db", "exit code 0: the whole file is intact");
  cli::Command backup = command("backup", "copy the store to a file; a broker may be using it");
  backup.option("--to", maintenance.to, "the file to write")
      .required()
      .not_configurable()
      .type_name("FILE")
      .completed_with(cli::Completes::files);
  backup.flag("--force", maintenance.force, "replace the file if it exists").not_configurable();
  backup.example("zebu-broker backup --to /backup/zebu.db", "FILE appears when the copy is complete");
  command("compact", "give the store's unused space back to the disk; no broker may be using it");
  command("migrate", "bring a store of Zebu 0.1.0 to this version's format; no broker may be using it");
}

void add_endpoints_and_store(cli::Command& app, Options& options) {
  app.endpoint("--clients", options.clients,
               "where clients connect: tcp://ADDRESS:PORT; * is every address or any free port");
  app.endpoint("--consumers", options.consumers, "where consumers connect");
  app.option("--store", options.store,
             "where durable jobs live: sqlite:PATH, or memory, where they are lost with the process")
      .check([](const std::string& store) {
        return is_store(store) ? "" : "'" + store + "' is neither sqlite:PATH nor memory";
      })
      .type_name("STORE")
      .shows_default()
      .described_default("sqlite:/var/lib/zebu/zebu.db as root, else sqlite:~/.local/state/zebu/zebu.db");
  app.size("--store-reserve", options.store_reserve,
           "bytes of the store's volume that are kept free for accepted jobs: with less, new durable ones are refused")
      .range(kLeastReserve, 1ULL << 50)
      .described_default("64 MiB, or an eighth of a smaller volume");
  app.duration("--liveness", options.liveness, "a peer that is silent for this long is lost")
      .between(std::chrono::milliseconds(100), kMaxDuration);
}

// Adds an option for a number from 1 to `most`.
void add_limit(cli::Command& app, const std::string& name, auto& value, std::uint64_t most, const std::string& help) {
  app.option(name, value, help).range(1, most).shows_default();
}

// Adds an option for a size from 1 byte to `most`.
void add_size_limit(cli::Command& app, const std::string& name, std::uint64_t& value, std::uint64_t most,
                    const std::string& help) {
  app.size(name, value, help).range(1, most);
}

void add_queue_limits(cli::Command& app, Options& options) {
  app.heading("Queues");
  add_limit(app, "--queue-limit", options.queue_limit, 1ULL << 40, "jobs that may be queued in one queue");
  add_size_limit(app, "--queue-bytes", options.queue_bytes, 1ULL << 50, "bytes that may be queued in one queue");
  add_limit(app, "--transient-limit", options.transient_limit, 1ULL << 40,
            "transient jobs that may be queued in one queue");
  add_size_limit(app, "--transient-bytes", options.transient_bytes, 1ULL << 50,
                 "bytes of transient jobs that may be queued in one queue");
  app.option("--window", options.window, "queued durable jobs of one queue that are kept in memory")
      .range(64, 10'000'000)
      .shows_default();
}

void add_outcome_limits(cli::Command& app, Options& options) {
  app.heading("Attempts and outcomes");
  app.duration("--result-ttl", options.result_ttl, "how long outcomes are kept, except those of failed durable jobs");
  app.duration("--failed-ttl", options.failed_ttl, "how long failed durable jobs are kept");
  add_limit(app, "--failed-limit", options.failed_limit, 1ULL << 40,
            "failed durable jobs of one queue that are kept, newest first");
  add_limit(app, "--max-crashes", options.max_crashes, 1'000'000, "a job fails after its process has died this often");
  add_limit(app, "--max-losses", options.max_losses, 1'000'000, "a job fails after its consumer was lost this often");
  add_limit(app, "--keep", options.keep, 1ULL << 40, "finished transient jobs that are kept, newest first");
  add_size_limit(app, "--keep-bytes", options.keep_bytes, 1ULL << 50, "bytes of finished jobs that are kept in memory");
}

void add_server_limits(cli::Command& app, Options& options) {
  app.heading("Messages and peers");
  add_limit(app, "--grant", options.grant, message::kMaxList,
            "jobs that one client may have submitted before they are accepted");
  app.duration("--spin", options.spin,
               "how long a thread spins for a commit or a message before it sleeps; 0: no spinning")
      .between(std::chrono::microseconds(0), std::chrono::milliseconds(1));
  app.size("--max-message", options.max_message, "the largest message").range(1024, 1ULL << 30);
  app.size("--intake", options.intake, "bytes for all large messages that have come half; more of them wait")
      .range(1024, 1ULL << 40);
  add_limit(app, "--max-peers", options.max_peers, 1ULL << 20, "clients and consumers that may be connected at a time");
  add_limit(app, "--max-queues", options.max_queues, 1ULL << 30, "queues that may exist at a time");
  add_limit(app, "--max-lines", options.max_lines, 1ULL << 30, "pairs of queue and task whose jobs may wait at a time");
}

}  // namespace

std::optional<int> parse_options(int argc, const char* const* argv, Options& options, MaintenanceOptions& maintenance,
                                 scrape::Options& metrics) {
  cli::Program app("Takes jobs from clients, hands them to consumers, and keeps them in between.", "zebu-broker",
                   options.log_level);
  app.version_note("protocol " + std::to_string(message::kMajor) + "." + std::to_string(message::kMinor) +
                   ", store format " + std::to_string(kFormat));
  app.log_format(options.log_format);
  options.store = default_store();
  add_endpoints_and_store(app, options);
  add_queue_limits(app, options);
  add_outcome_limits(app, options);
  add_server_limits(app, options);
  scrape::add_options(app, metrics);
  add_commands(app, maintenance);
  app.example("zebu-broker --clients tcp://10.0.0.5:5555 --consumers tcp://10.0.0.5:5556",
              "serve one address, with the store where it is by default");
  app.example("zebu-broker --store memory --queue-bytes 1GiB --result-ttl 1h30m",
              "lose everything with the process, and bound what it takes");
  app.check([&options]() -> std::optional<cli::UsageError> {
    if (options.intake >= options.max_message) return std::nullopt;
    return cli::UsageError{"--intake", "must be at least --max-message, " + cli::size_text(options.max_message)};
  });
  const auto exit_code = app.parse(argc, argv);
  if (metrics.is_on()) options.metric_series = metrics.series;
  return exit_code;
}

}  // namespace zebu::broker
