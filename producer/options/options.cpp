#include "producer/options/parsed_options.h"
#include "producer/text/readable.h"
#include "zebu/wire/message.h"

#include <string>

namespace zebu::producer {
namespace {

constexpr const char* kAbout = "Submits jobs to a Zebu broker and asks about them.";
constexpr const char* kExitCodes =
    "Exit codes: 0 success, 1 a job failed or the broker did not answer, 2 wrong usage, 130 Ctrl-C.";

void add_examples(cli::Command& app) {
  app.example("zebu-producer submit fib 35 --wait", "run one job and print its result");
  app.example("zebu-producer map fib --input numbers.jsonl", "run one job for each line");
  app.example("zebu-producer top", "show what is going on");
  app.example("zebu-producer retry --all-failed", "run all failed jobs again");
  app.footer(kExitCodes);
}

void add_common(cli::Command& app, CommonOptions& common) {
  app.endpoint("--broker", common.broker, "the broker's endpoint for clients");
  app.duration("--connect-timeout", common.connect_timeout, "how long the broker may take to answer");
  app.choice("--output", common.output, {{"text", Output::text}, {"json", Output::json}},
             "text for people; json for programs: one object per line, but one list for queues and consumers (map has "
             "its own --output)");
}

std::string why_no_name(const std::string& text) {
  if (is_valid_name(text)) return {};
  return "'" + shortened(text, 64) + "' is not a valid name: it must have 1 to " + std::to_string(kMaxName) +
         " bytes of UTF-8 without spaces or control characters";
}

}  // namespace

cli::Option add_name(cli::Command& command, const std::string& option, std::string& name, const std::string& help) {
  const bool is_queue = option == "--queue" || option == "QUEUE";
  return command.option(option, name, help)
      .check(why_no_name)
      .type_name(is_queue ? "QUEUE" : "TASK")
      .completed_with(is_queue ? cli::Completes::queues : cli::Completes::tasks);
}

std::variant<Options, int> read_options(int argc, const char* const* argv) {
  Parsed to;
  cli::Program app(kAbout, "zebu-producer", to.common.log_level);
  app.require_command();
  app.version_note("protocol " + std::to_string(message::kMajor) + "." + std::to_string(message::kMinor));
  app.others_options({"window", "result-ttl"});  // of the broker
  add_common(app, to.common);
  add_examples(app);
  add_submitting_commands(app, to);
  add_job_commands(app, to);
  add_queue_commands(app, to);
  if (const auto exit_code = app.parse(argc, argv)) return *exit_code;
  return Options{to.common, to.command.value()};
}

}  // namespace zebu::producer
