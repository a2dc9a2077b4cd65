#include "consumer/cli.h"
#include "zebu/job.h"
#include "zebu/program/cli.h"
#include "zebu/wire/message.h"

#include <algorithm>
#include <filesystem>
#include <thread>
#include <unistd.h>

namespace zebu::consumer {
namespace {

std::string default_name() {
  char host[256] = "host";
  ::gethostname(host, sizeof host - 1);
  return std::string(host) + "-" + std::to_string(::getpid());
}

std::string check_name(const std::string& name) {
  if (is_valid_name(name)) return {};
  return "'" + name +
         "' is not a valid name: it must have 1 to 128 bytes of UTF-8 without spaces or control characters";
}

void add_work(cli::Command& app, ConsumerOptions& options) {
  app.endpoint("--broker", options.broker, "the broker's endpoint for consumers");
  app.option("--slots", options.slots, "jobs that run at the same time")
      .range(1, kMaxSlots)
      .described_default("one per core");
  app.option("--queues", options.queues, "the queues to serve: a,b")
      .separated_by(',')
      .type_name("QUEUE")
      .check(check_name)
      .default_text("default");
  app.option("--name", options.name, "the name that the broker shows")
      .check(check_name)
      .type_name("NAME")
      .described_default("HOST-PID");
  app.choice("--pool", options.pool, {{"processes", PoolKind::processes}, {"threads", PoolKind::threads}},
             "what a slot is: processes (a crash or a cancel costs one job) or threads");
}

void add_limits(cli::Command& app, ConsumerOptions& options) {
  app.duration("--liveness", options.liveness, "how long the broker may be silent")
      .between(std::chrono::milliseconds(100), kMaxDuration);
  app.choice(
      "--on-silence", options.on_silence, {{"keep", OnSilence::keep}, {"stop", OnSilence::stop}},
      "before the broker may give this consumer up: keep the running jobs, or stop them, so that none runs twice");
  app.duration("--drain-timeout", options.drain_timeout,
               "how long running jobs may take to end after SIGTERM, before they go back to the broker");
  app.duration("--cancel-grace", options.cancel_grace,
               "how long a task that can see that it was cancelled may go on, before its process is killed");
  app.size("--slot-memory", options.slot_memory, "memory that a slot's process may have: 512MiB, 2GiB")
      .range(kMinSlotMemory, kMaxSlotMemory);
  app.option("--max-jobs-per-child", options.max_jobs_per_child,
             "replace a slot's process after it has run so many jobs")
      .range(1, std::uint64_t{1} << 40);
}

std::optional<cli::UsageError> check_pool(const ConsumerOptions& options) {
  const bool needs_processes = options.slot_memory || options.max_jobs_per_child;
  if (options.pool == PoolKind::processes || !needs_processes) return std::nullopt;
  return cli::UsageError{"--pool",
                         "threads cannot be limited or replaced: --slot-memory and "
                         "--max-jobs-per-child need processes"};
}

}  // namespace

std::optional<int> parse_options(int argc, const char* const* argv, ConsumerOptions& options, bool* test_tasks) {
  options.program = std::filesystem::path(argv[0]).filename().string();
  options.name = default_name();
  options.slots = std::clamp<std::size_t>(std::thread::hardware_concurrency(), 1, kMaxSlots);
  cli::Program app("Runs jobs for a Zebu broker.", options.program, options.log_level);
  app.log_format(options.log_format);
  app.version_note("protocol " + std::to_string(message::kMajor) + "." + std::to_string(message::kMinor));
  add_work(app, options);
  add_limits(app, options);
  if (test_tasks != nullptr) {
    app.flag("--test-tasks", *test_tasks,
             "also run the tasks about, crash, deaf, fail, flaky, hang, hog, keywords, later, nested and shout");
  }
  scrape::add_options(app, options.metrics);
  app.example(options.program + " --broker tcp://10.0.0.5:5556 --queues reports,mail", "serve two queues");
  app.example(options.program + " --slots 200 --pool threads", "for tasks that wait rather than compute");
  app.check([&options] { return check_pool(options); });
  return app.parse(argc, argv);
}

}  // namespace zebu::consumer
