#include "producer/options/parsed_options.h"
#include "producer/text/readable.h"

#include <iostream>
#include <string>
#include <vector>

namespace zebu::producer {
namespace {

constexpr const char* kAbout =
    "Submits jobs to a Zebu broker and asks about them.\n\n"
    "  zebu-producer submit fib 35 --wait           run one job and print its result\n"
    "  zebu-producer map fib --input numbers.jsonl  run one job for each line\n"
    "  zebu-producer top                            show what is going on\n"
    "  zebu-producer retry --all-failed             run all failed jobs again\n\n"
    "Exit codes: 0 success, 1 a job failed or the broker did not answer, 2 wrong usage, 130 Ctrl-C.";

void add_common(CLI::App& app, CommonOptions& common) {
  cli::add_standard_options(app, common.log_level);
  app.add_option("--broker", common.broker, "the broker's endpoint for clients")
      ->check(cli::why_no_endpoint)
      ->capture_default_str();
  cli::add_duration(app, "--connect-timeout", common.connect_timeout, "how long the broker may take to answer");
  app.add_option_function<std::string>(
         "--output",
         [&common](const std::string& text) { common.output = text == "json" ? Output::json : Output::text; },
         "text for people; json for programs: one object per line, but one list for queues and consumers (map has its "
         "own "
         "--output)")
      ->check(CLI::IsMember({"text", "json"}))
      ->default_str("text");
}

// CLI11 splits a positional argument in brackets: [1,2] becomes 1 and 2. A control character before the bracket hides
// the list until CLI11 has parsed the command line.
constexpr char kHidden = '\x01';

std::vector<std::string> with_hidden_lists(int argc, const char* const* argv) {
  std::vector<std::string> words(argv, argv + argc);
  for (std::string& word : words) {
    if (word.starts_with('[')) word.insert(0, 1, kHidden);
  }
  return words;
}

// Runs before the options' checks, so that these see the words as the user gave them.
void reveal_lists(CLI::App& app) {
  const auto reveal = [](const std::string& word) { return word.substr(!word.empty() && word[0] == kHidden ? 1 : 0); };
  for (CLI::Option* option : app.get_options()) {
    if (option->get_items_expected_max() > 0) option->transform(reveal, "");
  }
  for (CLI::App* command : app.get_subcommands({})) reveal_lists(*command);
}

std::string why_no_name(const std::string& text) {
  if (is_valid_name(text)) return {};
  return "'" + shortened(text, 64) + "' is not a valid name: it must have 1 to " + std::to_string(kMaxName) +
         " bytes of UTF-8 without spaces or control characters";
}

}  // namespace

CLI::Option* add_name(CLI::App& command, const std::string& option, std::string& name, const std::string& help) {
  return command.add_option(option, name, help)->check(why_no_name);
}

std::variant<Options, int> read_options(int argc, const char* const* argv) {
  CLI::App app(kAbout, "zebu-producer");
  app.require_subcommand(0, 1);
  app.fallthrough();
  Parsed to;
  add_common(app, to.common);
  add_submitting_commands(app, to);
  add_job_commands(app, to);
  add_queue_commands(app, to);
  reveal_lists(app);
  const std::vector<std::string> words = with_hidden_lists(argc, argv);
  std::vector<const char*> pointers;
  for (const std::string& word : words) pointers.push_back(word.c_str());
  if (const auto exit_code = cli::parse(app, argc, pointers.data())) return *exit_code;
  if (to.command) return Options{to.common, *to.command};
  std::cerr << app.help();
  return cli::kExitUsage;
}

}  // namespace zebu::producer
