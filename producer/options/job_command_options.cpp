#include "producer/options/parsed_options.h"

#include <string>
#include <vector>

namespace zebu::producer {
namespace {

CLI::Option* add_ids(CLI::App& command, std::vector<JobId>& ids) {
  auto* option = command.add_option_function<std::vector<std::string>>(
      "ID",
      [&ids](const std::vector<std::string>& texts) {
        for (const std::string& text : texts) {
          const auto id = Uuid::parse(text);
          if (!id)
            throw CLI::ValidationError("ID", "'" + text + "' is not a valid job id: use the UUID that submit printed");
          ids.push_back(*id);
        }
      },
      "job ids, as printed by submit");
  option->expected(1, 100'000)->option_text("...")->configurable(false);
  return option;
}

void add_id_commands(CLI::App& app, Parsed& to) {
  CLI::App* wait = app.add_subcommand("wait", "wait for jobs and print their results as they come");
  add_ids(*wait, to.wait.ids)->required();
  cli::add_duration(*wait, "--timeout", to.wait.timeout, "how long to wait; after that the jobs continue");
  wait->callback([&to] { to.command = to.wait; });

  CLI::App* status = app.add_subcommand("status", "show what the broker knows about jobs");
  add_ids(*status, to.status.ids)->required();
  status->callback([&to] { to.command = to.status; });

  CLI::App* cancel =
      app.add_subcommand("cancel", "cancel jobs, including running ones, and wait until they have ended");
  add_ids(*cancel, to.cancel.ids)->required();
  cli::add_duration(*cancel, "--timeout", to.cancel.timeout, "how long a running job may take to end");
  cancel->callback([&to] { to.command = to.cancel; });
}

// Selects the jobs of a command. Never read from the environment or a file, because the command may end those jobs.
void add_filter(CLI::App& command, std::string& queue, std::string& task) {
  add_name(command, "--queue", queue, "only jobs of this queue")->configurable(false);
  add_name(command, "--task", task, "only jobs of this task")->configurable(false);
}

void add_list(CLI::App& app, Parsed& to) {
  CLI::App* command = app.add_subcommand("list", "list jobs, newest first");
  command
      ->add_option_function<std::string>(
          "--state", [&to](const std::string& text) { to.list.state = job_state_from(text); },
          "only jobs in this state")
      ->check(CLI::IsMember({"scheduled", "queued", "running", "succeeded", "failed", "cancelled", "expired"}))
      ->configurable(false);
  add_filter(*command, to.list.queue, to.list.task);
  auto* limit = command->add_option("--limit", to.list.limit, "how many jobs at most");
  limit->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1'000'000'000}))->capture_default_str();
  command->add_flag("--all", to.list.all, "list all jobs, whatever --limit says")->configurable(false);
  command->callback([&to] { to.command = to.list; });
}

void add_retry(CLI::App& app, Parsed& to) {
  CLI::App* command =
      app.add_subcommand("retry", "queue failed jobs again, as new jobs: by id, or all that match a filter");
  auto* ids = add_ids(*command, to.retry.ids);
  add_filter(*command, to.retry.queue, to.retry.task);
  command->add_flag("--all-failed", to.retry.all_failed, "all failed jobs, of all queues and tasks")
      ->excludes(ids)
      ->configurable(false);
  for (const char* filter : {"--queue", "--task"}) command->get_option(filter)->excludes(ids);
  command->callback([&to] {
    const bool has_filter = !to.retry.queue.empty() || !to.retry.task.empty();
    if (to.retry.all_failed && has_filter)
      throw CLI::ValidationError("--all-failed",
                                 "means all failed jobs; leave it out to retry those of --queue and --task");
    if (to.retry.ids.empty() && !to.retry.all_failed && !has_filter)
      throw CLI::ValidationError("retry", "give ids, --queue, --task, or --all-failed");
    to.command = to.retry;
  });
}

}  // namespace

void add_job_commands(CLI::App& app, Parsed& to) {
  add_id_commands(app, to);
  add_list(app, to);
  add_retry(app, to);
}

}  // namespace zebu::producer
