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
    "A line that is no JSON becomes a failed output line with \"line\": its number. Binary results are\n"
    "{\"$binary\": base64}. Exit code 1 when any job failed.\n\n"
    "An --output FILE that has lines is refused, so that no result is lost. With --resume map goes on where it\n"
    "was stopped or killed: as many input lines as are in FILE with the same text are skipped. While it runs,\n"
    "FILE.run holds what a killed map needs to find its jobs again; what they did meanwhile is not done twice.";

// Throws what is wrong with them.
void check_job(const JobFlags& flags, const std::string& task) {
  if (const auto why = why_bad(flags, task)) throw CLI::ValidationError("the job", *why);
}

void add_submit(CLI::App& app, Parsed& to) {
  auto* command = app.add_subcommand("submit", "submit a job and print its id, or with --wait its result");
  add_name(*command, "TASK", to.submit.task, "the task's name")->required()->configurable(false);
  auto* args = command->add_option("ARG", to.submit.args,
                                   "its arguments: JSON where they parse as JSON (35, true, [1,2]), else strings");
  args->option_text("...")->configurable(false);
  command->add_option("--json", to.submit.json, "all arguments as one JSON list, instead of ARG")
      ->configurable(false)
      ->excludes(args);
  add_name(*command, "--queue", to.submit.queue, "the queue to submit to")->capture_default_str();
  command->add_option("--count", to.submit.count, "submit so many equal jobs")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1'000'000'000}))
      ->capture_default_str();
  command->add_flag("--wait", to.submit.wait, "wait for the result and print it; with --count print a summary");
  cli::add_duration(*command, "--timeout", to.submit.timeout, "how long to wait; the job goes on when it has passed");
  add_job_options(*command, to.submit.job);
  command->callback([&to] {
    check_job(to.submit.job, to.submit.task);
    to.command = to.submit;
  });
}

void add_map(CLI::App& app, Parsed& to) {
  auto* command =
      app.add_subcommand("map", "run one job for each line of a file; write one JSON line for each as it ends");
  command->footer(kAboutMap);
  add_name(*command, "TASK", to.map.task, "the task's name")->required()->configurable(false);
  command->add_option("--input", to.map.input, "file to read, - for stdin")->configurable(false)->capture_default_str();
  command->add_option("--output", to.map.output, "file to write, - for stdout")
      ->configurable(false)
      ->capture_default_str();
  auto* resume =
      command->add_flag("--resume", to.map.resume, "go on: what is in the output file is not submitted again");
  resume->configurable(false);
  command
      ->add_flag("--retry-failed", to.map.retry_failed,
                 "with --resume: take what did not succeed out of the output file, and submit it again")
      ->needs(resume)
      ->configurable(false);
  add_name(*command, "--queue", to.map.queue, "the queue to submit to")->capture_default_str();
  command->add_option("--window", to.map.window, "how many jobs are under way at most; reading waits for them")
      ->check(CLI::Range(std::size_t{1}, std::size_t{1'000'000}))
      ->capture_default_str();
  add_job_options(*command, to.map.job);
  command->callback([&to] {
    if (to.map.resume && to.map.output == "-")
      throw CLI::ValidationError("--resume", "needs the file that was written before: --output FILE");
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
