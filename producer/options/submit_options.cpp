#include "producer/options/job_options.h"
#include "producer/options/parsed_options.h"

namespace zebu::producer {
namespace {

constexpr const char* kAboutMap =
    "An input line is JSON: a list is the argument list ([35]), an object with the member kwargs, and perhaps args,\n"
    "and no other has keyword arguments ({\"args\":[\"a.png\"],\"kwargs\":{\"size\":64}}), anything else is the only\n"
    "argument (35). A keyword argument of the line counts more than one of --kw.\n"
    "Empty lines are skipped. Each output line is one of\n"
    "  {\"input\":[35],\"state\":\"succeeded\",\"result\":9227465}\n"
    "  {\"input\":[-1],\"state\":\"failed\",\"error\":{\"type\":…,\"message\":…,\"trace\":[…]}}\n"
    "  {\"input\":[1],\"state\":\"cancelled\"}\n"
    "An input line that is not JSON becomes a failed output line with \"line\": its number. Binary results are\n"
    "{\"$binary\": base64}. The exit code is 1 if any job failed.\n\n"
    "An --output FILE that already has lines is refused, so that no result is lost. With --resume map continues\n"
    "where it was stopped or killed: input lines whose results are in FILE are skipped. While map runs, FILE.run\n"
    "holds what a later --resume needs to find the jobs of a killed map again, so that they do not run twice.";

std::optional<cli::UsageError> check_job(const JobFlags& flags, const std::string& task) {
  const auto why = why_bad(flags, task);
  return why ? std::optional(cli::UsageError{"the job", *why}) : std::nullopt;
}

std::optional<cli::UsageError> check_map(const MapOptions& map) {
  if (map.resume && map.output == "-")
    return cli::UsageError{"--resume", "needs the file that an earlier run wrote: --output FILE"};
  return check_job(map.job, map.task);
}

void add_submit(cli::Command& app, Parsed& to) {
  SubmitOptions& submit = to.submit;
  cli::Command command = app.subcommand("submit", "submit a job and print its id, or with --wait its result");
  add_name(command, "TASK", submit.task, "the task's name").required().not_configurable();
  const cli::Option args =
      command.option("ARG", submit.args, "its arguments: JSON if they parse as JSON (35, true, [1,2]), else strings")
          .shown_as("...")
          .not_configurable();
  command
      .option("--json", submit.json,
              "all arguments as one JSON list, or {\"args\":[…],\"kwargs\":{…}}, instead of words")
      .not_configurable()
      .type_name("JSON")
      .excludes(args);
  add_name(command, "--queue", submit.queue, "the queue to submit to").shows_default();
  command.option("--count", submit.count, "how many equal jobs to submit").range(1, 1'000'000'000).shows_default();
  const cli::Option wait =
      command.flag("--wait", submit.wait, "wait for the result and print it; with --count print a summary");
  command.duration("--timeout", submit.timeout, "with --wait: how long to wait; after that the job continues")
      .needs(wait);
  add_job_options(command, submit.job);
  command.example("zebu-producer submit fib 35 --wait", "print 9227465");
  command.example("zebu-producer submit thumbnail a.png --kw size=64 --queue images --delay 1h30m",
                  "print the id of a job that starts in an hour and a half");
  command.on_chosen([&to] { to.command = to.submit; }, [&submit] { return check_job(submit.job, submit.task); });
}

void add_file(cli::Command& command, const std::string& option, std::string& name, const std::string& help) {
  command.option(option, name, help)
      .not_configurable()
      .type_name("FILE")
      .completed_with(cli::Completes::files)
      .shows_default();
}

void add_map(cli::Command& app, Parsed& to) {
  MapOptions& map = to.map;
  cli::Command command =
      app.subcommand("map", "run one job per line of a file; write a JSON line for each job as it ends");
  command.footer(kAboutMap);
  add_name(command, "TASK", map.task, "the task's name").required().not_configurable();
  add_file(command, "--input", map.input, "file to read, - for stdin");
  add_file(command, "--output", map.output, "file to write, - for stdout");
  const cli::Option resume =
      command.flag("--resume", map.resume, "continue: skip the jobs that are already in the output file")
          .not_configurable();
  command
      .flag("--retry-failed", map.retry_failed,
            "with --resume: remove the jobs that did not succeed from the output file, and submit them again")
      .needs(resume)
      .not_configurable();
  add_name(command, "--queue", map.queue, "the queue to submit to").shows_default();
  command.option("--window", map.window, "most jobs in flight; reading the input waits for them")
      .range(1, 1'000'000)
      .shows_default();
  add_job_options(command, map.job);
  command.example("seq 28 32 | zebu-producer map fib", "print a line for each job as it ends");
  command.example("zebu-producer map scan --input files.jsonl --output found.jsonl --resume",
                  "continue where an earlier run was stopped");
  command.on_chosen([&to] { to.command = to.map; }, [&map] { return check_map(map); });
}

}  // namespace

void add_submitting_commands(cli::Command& app, Parsed& to) {
  add_submit(app, to);
  add_map(app, to);
}

}  // namespace zebu::producer
