#include "producer/options/job_options.h"

#include "zebu/program/rfc3339.h"

#include <limits>

namespace zebu::producer {
namespace {

// These read the text of an option. Each returns why the text is bad; empty if it is not.

std::string read_header(JobOptions& job, const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) return "'" + text + "' is not a valid header: write KEY=VALUE";
  job.headers.push_back({text.substr(0, equals), text.substr(equals + 1)});
  return {};
}

std::string read_keyword(JobFlags& flags, const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) return "'" + text + "' is not a keyword argument: write NAME=VALUE";
  const std::string name = text.substr(0, equals);
  for (const auto& [earlier, value] : flags.keywords) {
    if (earlier == name) return "the keyword argument '" + name + "' is given twice";
  }
  flags.keywords.emplace_back(name, text.substr(equals + 1));
  return {};
}

std::string read_time(std::optional<WallTime>& time, const std::string& text) {
  const auto parsed = parse_rfc3339(text);
  if (!parsed) return parsed.error().message;
  time = *parsed;
  return {};
}

std::string read_key(std::string& key, const std::string& text) {
  if (text.empty()) return "a key cannot be empty: leave the option out for no key";
  key = text;
  return {};
}

void add_when(cli::Command& command, JobOptions& job) {
  const cli::Option delay =
      command.duration("--delay", job.delay, "start the job this long after it was accepted").default_text("");
  command
      .option(
          "--run-at", [&job](const std::string& text) { return read_time(job.run_at, text); },
          "start the job at this time: 2026-01-31T12:00:00Z (RFC 3339)")
      .type_name("TIME")
      .excludes(delay);
  command.duration("--expires-in", job.expires_in,
                   "expire the job if it has not started this long after it was accepted");
}

void add_retries(cli::Command& command, RetryPolicy& retry) {
  command.option("--retries", retry.max, "attempts allowed after the first failed one")
      .range(0, std::numeric_limits<std::uint32_t>::max())
      .shows_default();
  command.duration("--retry-delay", retry.delay, "time before the first retry");
  command.option("--retry-factor", retry.factor, "each further delay is this many times longer, 1 to 100")
      .shows_default();
  command.duration("--retry-cap", retry.cap, "the longest delay");
  command
      .option("--retry-jitter", retry.jitter,
              "shorten each delay by up to this fraction, 0 to 1, so that retries spread out")
      .shows_default();
}

void add_unique(cli::Command& command, JobFlags& flags) {
  JobOptions& job = flags.options;
  // No plain string, because --print-config would print that as "", which is not a valid key.
  command
      .option(
          "--unique", [&job](const std::string& text) { return read_key(job.unique, text); },
          "a key that one job of its queue holds at a time: a second submitter gets the first job's id and result")
      .type_name("KEY");
  command.flag("--unique-by-args", flags.unique_by_args,
               "make the key from task and arguments, so that equal calls run once");
  command
      .duration("--unique-for", job.unique_for,
                "keep the key this long after success: later calls are answered from the store")
      .default_text("");
  command.choice("--unique-while", job.unique_while,
                 {{"unfinished", UniqueWhile::unfinished}, {"queued", UniqueWhile::queued}},
                 "the state in which a job keeps its key");
}

}  // namespace

void add_job_options(cli::Command& command, JobFlags& flags) {
  JobOptions& job = flags.options;
  command.heading("The job");
  command
      .list(
          "--kw", [&flags](const std::string& text) { return read_keyword(flags, text); },
          "a keyword argument: JSON if it parses as JSON, else a string; may be repeated")
      .type_name("NAME=VALUE")
      .one_value_each()
      .not_configurable();
  command.option("--priority", job.priority, "0 to 9, 9 first").range(0, kMaxPriority).shows_default();
  add_when(command, job);
  add_retries(command, job.retry);
  command.duration("--soft-limit", job.soft_limit, "after this long an attempt is asked to end: its token fires");
  command.duration("--hard-limit", job.hard_limit,
                   "after this long an attempt's process is killed, and the attempt has failed");
  command.choice("--acks", job.acks_early, {{"late", false}, {"early", true}},
                 "late: the job runs at least once; early: at most once, a lost attempt is not repeated");
  add_unique(command, flags);
  command.duration("--result-ttl", job.result_ttl, "how long the outcome is kept");
  command
      .list(
          "--header", [&job](const std::string& text) { return read_header(job, text); },
          "travels with the job; may be repeated")
      .type_name("KEY=VALUE")
      .one_value_each();
  command.flag("--transient", job.transient,
               "keep the job in the broker's memory only: faster, but lost with the broker");
  command.flag("--private", job.is_private,
               "show arguments, result, progress and errors to the consumer and to those who wait for the job only");
}

std::optional<std::string> why_bad(const JobFlags& flags, std::string_view task) {
  JobOptions options = flags.options;
  if (flags.unique_by_args && !options.unique.empty()) return "give --unique or --unique-by-args, not both";
  if (flags.unique_by_args) options.unique = unique_key_of(task, {});
  return zebu::why_bad(options);
}

}  // namespace zebu::producer
