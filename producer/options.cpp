#include <zebu/cli.h>

#include <iostream>
#include <map>
#include <producer_options.h>

namespace zebu::producer {
namespace {

constexpr const char* kAbout =
    "Submits jobs to a Zebu broker and asks about them.\n\n"
    "  zebu-producer submit fib 35 --wait           run one job and print its result\n"
    "  zebu-producer map fib --input numbers.jsonl  run one job for each line\n"
    "  zebu-producer queues                         what waits where\n\n"
    "Exit codes: 0 all went well, 1 a job failed or the broker did not answer, 2 wrong usage, 130 Ctrl-C.";

constexpr const char* kAboutMap =
    "An input line is JSON: a list is the argument list ([35]), anything else is the only argument (35).\n"
    "Empty lines are skipped. Each output line is one of\n"
    "  {\"input\":[35],\"state\":\"succeeded\",\"result\":9227465}\n"
    "  {\"input\":[-1],\"state\":\"failed\",\"error\":{\"type\":…,\"message\":…,\"trace\":[…]}}\n"
    "  {\"input\":[1],\"state\":\"cancelled\"}\n"
    "A line that is no JSON becomes a failed output line with \"line\": its number. Binary results are\n"
    "{\"$binary\": base64}. Exit code 1 when any job failed.";

struct Parsed {
  CommonOptions common;
  SubmitOptions submit;
  WaitOptions wait;
  StatusOptions status;
  CancelOptions cancel;
  MapOptions map;
  std::chrono::milliseconds submit_timeout{0};
  std::chrono::milliseconds wait_timeout{0};
};

void add_ids(CLI::App& command, std::vector<JobId>& ids) {
  auto* option = command.add_option_function<std::vector<std::string>>(
      "ID",
      [&ids](const std::vector<std::string>& texts) {
        for (const std::string& text : texts) {
          const auto id = Uuid::parse(text);
          if (!id)
            throw CLI::ValidationError("ID", "'" + text + "' is no job id: they are UUIDs, as submit prints them");
          ids.push_back(*id);
        }
      },
      "ids of jobs, as submit prints them");
  option->required()->expected(1, 100'000)->option_text("...")->configurable(false);
}

void add_common(CLI::App& app, CommonOptions& common) {
  cli::add_standard_options(app, common.log_level);
  app.add_option("--broker", common.broker, "where the broker's port for clients is")->capture_default_str();
  cli::add_duration(app, "--connect-timeout", common.connect_timeout, "how long the broker may take to answer");
  const std::map<std::string, Output> names{{"text", Output::text}, {"json", Output::json}};
  app.add_option_function<std::string>(
         "--output",
         [&common](const std::string& text) { common.output = text == "json" ? Output::json : Output::text; },
         "text for people; json for programs: one object a line, of queues and consumers one list (map has its own)")
      ->check(CLI::IsMember({"text", "json"}))
      ->default_str("text");
}

CLI::App* add_submit(CLI::App& app, Parsed& to) {
  auto* command = app.add_subcommand("submit", "submit a job and print its id, or with --wait its result");
  command->add_option("TASK", to.submit.task, "the task's name")->required()->configurable(false);
  command
      ->add_option("ARG", to.submit.args,
                   "its arguments: JSON where they parse as JSON (35, true, [1,2]), else strings")
      ->option_text("...")
      ->configurable(false);
  command->add_option("--json", to.submit.json, "all arguments as one JSON list, instead of ARG")->configurable(false);
  command->add_option("--queue", to.submit.queue, "the queue to submit to")->capture_default_str();
  command->add_option("--count", to.submit.count, "submit so many equal jobs")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1'000'000'000}))
      ->capture_default_str();
  command->add_flag("--wait", to.submit.wait, "wait for the result and print it; with --count print a summary");
  cli::add_duration(*command, "--timeout", to.submit_timeout, "how long to wait; the job goes on when it has passed")
      ->default_str("");
  command->add_flag("--transient", to.submit.transient,
                    "keep the job in the broker's memory only: faster, lost with it");
  return command;
}

CLI::App* add_map(CLI::App& app, Parsed& to) {
  auto* command =
      app.add_subcommand("map", "run one job for each line of a file; write one JSON line for each as it ends");
  command->footer(kAboutMap);
  command->add_option("TASK", to.map.task, "the task's name")->required()->configurable(false);
  command->add_option("--input", to.map.input, "file to read, - for stdin")->configurable(false)->capture_default_str();
  command->add_option("--output", to.map.output, "file to write, - for stdout")
      ->configurable(false)
      ->capture_default_str();
  command->add_option("--queue", to.map.queue, "the queue to submit to")->capture_default_str();
  command->add_option("--window", to.map.window, "how many jobs are under way at most; reading waits for them")
      ->check(CLI::Range(std::size_t{1}, std::size_t{1'000'000}))
      ->capture_default_str();
  command->add_flag("--transient", to.map.transient, "keep the jobs in the broker's memory only: faster, lost with it");
  return command;
}

// CLI11 takes a positional argument in brackets apart, [1,2] into 1 and 2. A control character before the bracket hides
// the list from it until it has parsed.
constexpr char kHidden = '\x01';

std::vector<std::string> with_hidden_lists(int argc, const char* const* argv) {
  std::vector<std::string> words(argv, argv + argc);
  for (std::string& word : words) {
    if (word.starts_with('[')) word.insert(0, 1, kHidden);
  }
  return words;
}

void reveal(std::string& word) {
  if (word.starts_with(kHidden)) word.erase(0, 1);
}

std::optional<int> check(const SubmitOptions& submit) {
  if (!submit.json || submit.args.empty()) return std::nullopt;
  std::cerr << "zebu-producer: give the arguments as ARG or as --json, not both\nSee zebu-producer submit --help\n";
  return cli::kExitUsage;
}

}  // namespace

std::variant<Options, int> read_options(int argc, const char* const* argv) {
  CLI::App app(kAbout, "zebu-producer");
  app.require_subcommand(0, 1);
  app.fallthrough();
  Parsed to;
  add_common(app, to.common);
  const CLI::App* submit = add_submit(app, to);
  CLI::App* wait = app.add_subcommand("wait", "wait for jobs and print their results as they come");
  add_ids(*wait, to.wait.ids);
  cli::add_duration(*wait, "--timeout", to.wait_timeout, "how long to wait; the jobs go on when it has passed")
      ->default_str("");
  CLI::App* status = app.add_subcommand("status", "what the broker knows about jobs");
  add_ids(*status, to.status.ids);
  CLI::App* cancel = app.add_subcommand("cancel", "end jobs, also running ones, and wait until they have ended");
  add_ids(*cancel, to.cancel.ids);
  cli::add_duration(*cancel, "--timeout", to.cancel.timeout, "how long a running job may take to end");
  const CLI::App* map = add_map(app, to);
  const CLI::App* queues = app.add_subcommand("queues", "list the queues");
  const CLI::App* consumers = app.add_subcommand("consumers", "list the consumers");
  const CLI::App* ping = app.add_subcommand("ping", "ask whether the broker answers: round trip, version, uptime");
  const std::vector<std::string> words = with_hidden_lists(argc, argv);
  std::vector<const char*> pointers;
  for (const std::string& word : words) pointers.push_back(word.c_str());
  if (const auto exit_code = cli::parse(app, argc, pointers.data())) return *exit_code;

  for (std::string& word : to.submit.args) reveal(word);
  if (to.submit.json) reveal(*to.submit.json);
  if (submit->count("--timeout") > 0) to.submit.timeout = to.submit_timeout;
  if (wait->count("--timeout") > 0) to.wait.timeout = to.wait_timeout;
  if (const auto exit_code = check(to.submit)) return *exit_code;
  if (submit->parsed()) return Options{to.common, to.submit};
  if (wait->parsed()) return Options{to.common, to.wait};
  if (status->parsed()) return Options{to.common, to.status};
  if (cancel->parsed()) return Options{to.common, to.cancel};
  if (map->parsed()) return Options{to.common, to.map};
  if (queues->parsed()) return Options{to.common, QueuesOptions{}};
  if (consumers->parsed()) return Options{to.common, ConsumersOptions{}};
  if (ping->parsed()) return Options{to.common, PingOptions{}};
  std::cerr << app.help();
  return cli::kExitUsage;
}

}  // namespace zebu::producer
