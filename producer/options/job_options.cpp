#include "producer/options/job_options.h"

#include "producer/text/rfc3339.h"

#include <limits>
#include <vector>

namespace zebu::producer {
namespace {

constexpr const char* kGroup = "The job";

// An option with a few possible words. The first one is the default.
template <class Set>
CLI::Option* add_choice(CLI::App& command, const std::string& name, const std::vector<std::string>& words, Set set,
                        const std::string& help) {
  return command.add_option_function<std::string>(name, set, help)
      ->check(CLI::IsMember(words))
      ->default_str(words.front());
}

Header header_of(const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0)
    throw CLI::ValidationError("--header", "'" + text + "' is not a valid header: write KEY=VALUE");
  return {text.substr(0, equals), text.substr(equals + 1)};
}

void add_when(CLI::App& command, JobOptions& job) {
  auto* delay = cli::add_duration(command, "--delay", job.delay, "start the job this long after it was accepted");
  delay->default_str("");
  auto* run_at = command.add_option_function<std::string>(
      "--run-at",
      [&job](const std::string& text) {
        const auto at = parse_rfc3339(text);
        if (!at) throw CLI::ValidationError("--run-at", at.error().message);
        job.run_at = *at;
      },
      "start the job at this time: 2026-01-31T12:00:00Z (RFC 3339)");
  run_at->type_name("TIME")->excludes(delay);
  cli::add_duration(command, "--expires-in", job.expires_in,
                    "expire the job if it has not started this long after it was accepted");
}

void add_retries(CLI::App& command, RetryPolicy& retry) {
  command.add_option("--retries", retry.max, "attempts allowed after the first failed one")
      ->check(CLI::Range(std::uint32_t{0}, std::numeric_limits<std::uint32_t>::max()))
      ->capture_default_str();
  cli::add_duration(command, "--retry-delay", retry.delay, "time before the first retry");
  command.add_option("--retry-factor", retry.factor, "each further delay is this many times longer, 1 to 100")
      ->capture_default_str();
  cli::add_duration(command, "--retry-cap", retry.cap, "the longest delay");
  command
      .add_option("--retry-jitter", retry.jitter,
                  "shorten each delay by up to this fraction, 0 to 1, so that retries spread out")
      ->capture_default_str();
}

void add_unique(CLI::App& command, JobFlags& flags) {
  auto* key = command.add_option_function<std::string>(
      "--unique",
      [&flags](const std::string& text) {
        if (text.empty())
          throw CLI::ValidationError("--unique", "a key cannot be empty: leave the option out for no key");
        flags.options.unique = text;
      },
      "a key that one job holds at a time: a second submitter gets the first job's id and result");
  key->type_name("KEY");
  command.add_flag("--unique-by-args", flags.unique_by_args,
                   "make the key from task and arguments, so that equal calls run once");
  cli::add_duration(command, "--unique-for", flags.options.unique_for,
                    "keep the key this long after success: later calls are answered from the store")
      ->default_str("");
  add_choice(
      command, "--unique-while", {"unfinished", "queued"},
      [&flags](const std::string& text) {
        flags.options.unique_while = text == "queued" ? UniqueWhile::queued : UniqueWhile::unfinished;
      },
      "the state in which a job keeps its key");
}

}  // namespace

void add_job_options(CLI::App& command, JobFlags& flags) {
  const std::size_t before = command.get_options().size();
  JobOptions& job = flags.options;
  command
      .add_option_function<unsigned>(
          "--priority", [&job](unsigned priority) { job.priority = static_cast<std::uint8_t>(priority); },
          "0 to 9, 9 first")
      ->check(CLI::Range(0U, unsigned{kMaxPriority}))
      ->default_str(std::to_string(kDefaultPriority));
  add_when(command, job);
  add_retries(command, job.retry);
  cli::add_duration(command, "--soft-limit", job.soft_limit,
                    "after this long an attempt is asked to end: its token fires");
  cli::add_duration(command, "--hard-limit", job.hard_limit, "after this long an attempt's process is killed");
  add_choice(
      command, "--acks", {"late", "early"}, [&job](const std::string& text) { job.acks_early = text == "early"; },
      "late: the job runs at least once; early: at most once, a lost attempt is not repeated");
  add_unique(command, flags);
  cli::add_duration(command, "--result-ttl", job.result_ttl, "how long the outcome is kept");
  command
      .add_option_function<std::vector<std::string>>(
          "--header",
          [&job](const std::vector<std::string>& texts) {
            job.headers.clear();
            for (const std::string& text : texts) job.headers.push_back(header_of(text));
          },
          "travels with the job; may be repeated")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  command.add_flag("--transient", job.transient,
                   "keep the job in the broker's memory only: faster, but lost with the broker");
  const auto options = command.get_options();
  for (std::size_t i = before; i < options.size(); ++i) options[i]->group(kGroup);
}

std::optional<std::string> why_bad(const JobFlags& flags, std::string_view task) {
  JobOptions options = flags.options;
  if (flags.unique_by_args && !options.unique.empty()) return "give --unique or --unique-by-args, not both";
  if (flags.unique_by_args) options.unique = unique_key_of(task, {});
  return zebu::why_bad(options);
}

}  // namespace zebu::producer
