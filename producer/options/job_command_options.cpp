#include "producer/options/parsed_options.h"

#include <string>
#include <vector>

namespace zebu::producer {
namespace {

cli::Option add_ids(cli::Command& command, std::vector<JobId>& ids) {
  const auto read = [&ids](const std::string& text) {
    const auto id = Uuid::parse(text);
    if (!id) return "'" + text + "' is not a valid job id: use the UUID that submit printed";
    ids.push_back(*id);
    return std::string();
  };
  return command.list("ID", read, "job ids, as printed by submit").count(1, 100'000).shown_as("...").not_configurable();
}

void add_id_commands(cli::Command& app, Parsed& to) {
  cli::Command wait = app.subcommand("wait", "wait for jobs and print their results as they come");
  add_ids(wait, to.wait.ids).required();
  wait.duration("--timeout", to.wait.timeout, "how long to wait; after that the jobs continue");
  wait.example("zebu-producer wait $(zebu-producer submit fib 35) --timeout 1m", "print the result");
  wait.on_chosen([&to] { to.command = to.wait; });

  cli::Command status = app.subcommand("status", "show what the broker knows about jobs");
  add_ids(status, to.status.ids).required();
  status.example("zebu-producer status --output json ID", "for programs");
  status.on_chosen([&to] { to.command = to.status; });

  cli::Command cancel = app.subcommand("cancel", "cancel jobs, including running ones, and wait until they have ended");
  add_ids(cancel, to.cancel.ids).required();
  cancel.duration("--timeout", to.cancel.timeout, "how long a running job may take to end");
  cancel.example("zebu-producer cancel ID --timeout 1m", "give a running job a minute to end");
  cancel.on_chosen([&to] { to.command = to.cancel; });
}

// Options that select the jobs of a command. Never read from the environment or a file, because the command may end
// those jobs.
struct Filter {
  cli::Option queue;
  cli::Option task;
};

Filter add_filter(cli::Command& command, std::string& queue, std::string& task) {
  return {add_name(command, "--queue", queue, "only jobs of this queue").not_configurable(),
          add_name(command, "--task", task, "only jobs of this task").not_configurable()};
}

void add_list(cli::Command& app, Parsed& to) {
  cli::Command command = app.subcommand("list", "list jobs, newest first");
  command
      .choice("--state", to.list.state,
              {{"scheduled", JobState::scheduled},
               {"queued", JobState::queued},
               {"running", JobState::running},
               {"succeeded", JobState::succeeded},
               {"failed", JobState::failed},
               {"cancelled", JobState::cancelled},
               {"expired", JobState::expired}},
              "only jobs in this state")
      .not_configurable();
  add_filter(command, to.list.queue, to.list.task);
  command.option("--limit", to.list.limit, "how many jobs at most").range(1, 1'000'000'000).shows_default();
  command.flag("--all", to.list.all, "list all jobs, whatever --limit says").not_configurable();
  command.example("zebu-producer list --state failed --queue reports", "the newest 100 failed jobs of a queue");
  command.on_chosen([&to] { to.command = to.list; });
}

std::optional<cli::UsageError> check_retry(const RetryOptions& retry) {
  const bool has_filter = !retry.queue.empty() || !retry.task.empty();
  if (retry.all_failed && has_filter)
    return cli::UsageError{"--all-failed", "means all failed jobs; leave it out to retry those of --queue and --task"};
  if (retry.ids.empty() && !retry.all_failed && !has_filter)
    return cli::UsageError{"retry", "give ids, --queue, --task, or --all-failed"};
  return std::nullopt;
}

void add_retry(cli::Command& app, Parsed& to) {
  cli::Command command =
      app.subcommand("retry", "queue failed jobs again, as new jobs: by id, or all that match a filter");
  const cli::Option ids = add_ids(command, to.retry.ids);
  Filter filter = add_filter(command, to.retry.queue, to.retry.task);
  command.flag("--all-failed", to.retry.all_failed, "all failed jobs, of all queues and tasks")
      .excludes(ids)
      .not_configurable();
  filter.queue.excludes(ids);
  filter.task.excludes(ids);
  command.example("zebu-producer retry --queue reports", "run all failed jobs of a queue again");
  command.on_chosen([&to] { to.command = to.retry; }, [&to] { return check_retry(to.retry); });
}

}  // namespace

void add_job_commands(cli::Command& app, Parsed& to) {
  add_id_commands(app, to);
  add_list(app, to);
  add_retry(app, to);
}

}  // namespace zebu::producer
