#include "consumer/cli.h"
#include "zebu/job.h"
#include "zebu/program/cli.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <thread>
#include <unistd.h>

namespace zebu::consumer {
namespace {

std::string default_name() {
  char host[256] = "host";
  ::gethostname(host, sizeof host - 1);
  return std::string(host) + "-" + std::to_string(::getpid());
}

// The optional ones among the numbers: without them there is no limit.
CLI::Option* add_count(CLI::App& app, const std::string& name, std::optional<std::size_t>& value,
                       const std::string& help) {
  return app.add_option_function<std::size_t>(
      name, [&value](std::size_t given) { value = given; }, help);
}

std::string check_name(const std::string& name) {
  if (is_valid_name(name)) return {};
  return "'" + name +
         "' is not a valid name: it must have 1 to 128 bytes of UTF-8 without spaces or control characters";
}

}  // namespace

std::optional<int> parse_options(int argc, const char* const* argv, ConsumerOptions& options, bool* test_tasks) {
  options.program = std::filesystem::path(argv[0]).filename().string();
  options.name = default_name();
  options.slots = std::clamp<std::size_t>(std::thread::hardware_concurrency(), 1, kMaxSlots);
  const std::map<std::string, PoolKind> pools{{"processes", PoolKind::processes}, {"threads", PoolKind::threads}};
  std::string pool = "processes";
  CLI::App app("Runs jobs for a Zebu broker.", options.program);
  cli::add_standard_options(app, options.log_level);
  app.add_option("--broker", options.broker, "the broker's endpoint for consumers")
      ->check(cli::why_no_endpoint)
      ->capture_default_str();
  app.add_option("--slots", options.slots, "jobs that run at the same time; default: one a core")
      ->check(CLI::Range(std::size_t{1}, kMaxSlots))
      ->capture_default_str();
  app.add_option("--queues", options.queues, "the queues to serve: a,b")
      ->delimiter(',')
      ->check(check_name)
      ->default_str("default");
  app.add_option("--name", options.name, "the name that the broker shows; default: HOST-PID")
      ->check(check_name)
      ->capture_default_str();
  app.add_option("--pool", pool, "what a slot is: processes (a crash or a cancel costs one job) or threads")
      ->check(CLI::IsMember(pools))
      ->capture_default_str();
  cli::add_duration(app, "--liveness", options.liveness, "how long the broker may be silent");
  cli::add_duration(app, "--drain-timeout", options.drain_timeout,
                    "how long running jobs may take to end after SIGTERM, before they go back to the broker");
  cli::add_duration(app, "--cancel-grace", options.cancel_grace,
                    "how long a task that can see that it was cancelled may go on, before its process is killed");
  add_count(app, "--slot-memory", options.slot_memory, "memory that a slot's process may have: 512MiB, 2GiB")
      ->transform(CLI::AsSizeValue(false))
      ->check(CLI::Range(kMinSlotMemory, kMaxSlotMemory))
      ->type_name("SIZE");
  add_count(app, "--max-jobs-per-child", options.max_jobs_per_child,
            "replace a slot's process after it has run so many jobs")
      ->check(CLI::Range(std::size_t{1}, std::size_t{1} << 40))
      ->type_name("COUNT");
  if (test_tasks != nullptr) {
    app.add_flag("--test-tasks", *test_tasks, "also run the tasks about, crash, deaf, fail, flaky, hang and hog");
  }
  app.final_callback([&] {
    if (pool == "threads" && (options.slot_memory || options.max_jobs_per_child)) {
      throw CLI::ValidationError("--pool",
                                 "threads cannot be limited or replaced: --slot-memory and "
                                 "--max-jobs-per-child need processes");
    }
  });
  const auto exit_code = cli::parse(app, argc, argv);
  options.pool = pools.at(pool);
  return exit_code;
}

}  // namespace zebu::consumer
