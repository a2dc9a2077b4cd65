#include "producer/options/job_options.h"
#include "producer/options/parsed_options.h"

namespace zebu::producer {
namespace {

constexpr const char* kAboutMap =
    "An input line is JSON: a list is the argument list ([35]), anything else is the only argument (35).\n"
    "Empty lines are skipped. Each output line is one of\n"
    "  {\"input\":[35],\"state\":\"succeeded\",\"result\":9227465}\n"
    "  {\"input\":[-1],\"state\":\"failed\",\"error\":{\"type\":…,\"message\":…,\"trace\":[…]}}\n"
    "  {\"input\":[1],\"state\":\"cancelled\"}\n"
    "An input line that is not JSON becomes a failed output line with \"line\": its number. Binary results are\n"
    "{\"$binary\": base64}. The exit code is 1 if any job failed.\n\n"
    "An --output FILE that already has lines is refused, so that no result is lost. With --resume map continues\n"
    "where it was stopped or killed: input lines whose results are in FILE are skipped. While map runs, FILE.run\n"
    "holds what a later --resume needs to find the jobs of a killed map again, so that they do not run twice.";

// Throws ValidationError if the job's options contradict each other.
void check_job(const JobFlags& flags, const std::string& task) {
  if (const auto why = why_bad(flags, task)) throw CLI::ValidationError("the job", *why);
}

void add_submit(CLI::App& app, Parsed& to) {
  auto* command = app.add_subcommand("submit", "submit a job and print its id, or with --wait its result");
  add_name(*command, "TASK", to.submit.task, "the task's name")->required()->configurable(false);
  auto* args = command->add_option("ARG", to.submit.args,
                                   "its arguments: JSON if they parse as JSON (35, true, [1,2]), else strings");
  args->option_text("...")->configurable(false);
  command->add_option("--json", to.submit.json, "all arguments as one JSON list, instead of words")
      ->configurable(false)
      ->excludes(args);
  add_name(*command, "--queue", to.submit.queue, "the queue to submit to")->capture_default_str();
  command->add_option("--count", to.submit.count, "how many equal jobs to submit")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1'000'000'000}))
      ->capture_default_str();
  command->add_flag("--wait", to.submit.wait, "wait for the result and print it; with --count print a summary");
  cli::add_duration(*command, "--timeout", to.submit.timeout, "how long to wait; after that the job continues");
  add_job_options(*command, to.submit.job);
  command->callback([&to] {
    check_job(to.submit.job, to.submit.task);
    to.command = to.submit;
  });
}

void add_map(CLI::App& app, Parsed& to) {
  auto* command =
      app.add_subcommand("map", "run one job per line of a file; write a JSON line for each job as it ends");
  command->footer(kAboutMap);
  add_name(*command, "TASK", to.map.task, "the task's name")->required()->configurable(false);
  command->add_option("--input", to.map.input, "file to read, - for stdin")->configurable(false)->capture_default_str();
  command->add_option("--output", to.map.output, "file to write, - for stdout")
      ->configurable(false)
      ->capture_default_str();
  auto* resume =
      command->add_flag("--resume", to.map.resume, "continue: skip the jobs that are already in the output file");
  resume->configurable(false);
  command
      ->add_flag("--retry-failed", to.map.retry_failed,
                 "with --resume: remove the jobs that did not succeed from the output file, and submit them again")
      ->needs(resume)
      ->configurable(false);
  add_name(*command, "--queue", to.map.queue, "the queue to submit to")->capture_default_str();
  command->add_option("--window", to.map.window, "most jobs in flight; reading the input waits for them")
      ->check(CLI::Range(std::size_t{1}, std::size_t{1'000'000}))
      ->capture_default_str();
  add_job_options(*command, to.map.job);
  command->callback([&to] {
    if (to.map.resume && to.map.output == "-")
      throw CLI::ValidationError("--resume", "needs the file that an earlier run wrote: --output FILE");
    check_job(to.map.job, to.map.task);
    to.command = to.map;
  });
}

}  // namespace

void add_submitting_commands(CLI::App& app, Parsed& to) {
  add_submit(app, to);
  add_map(app, to);
}

}  // namespace zebu::producer
