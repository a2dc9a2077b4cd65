#pragma once

#include "zebu/client_session.h"

#include <chrono>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace zebu::producer {

enum class Output { text, json };

// Options of all subcommands.
struct CommonOptions {
  std::string broker = "tcp://127.0.0.1:5555";
  std::chrono::milliseconds connect_timeout{3000};  // how long the broker may take to answer HELLO
  Output output = Output::text;                     // json: for programs
  std::string log_level = "warn";
};

// A job's options as given on the command line.
struct JobFlags {
  JobOptions options;
  bool unique_by_args = false;  // the unique key is made from each job's task and arguments
  std::vector<std::pair<std::string, std::string>> keywords = {};  // name and value, as JSON or text
};

struct SubmitOptions {
  std::string task;
  std::vector<std::string> args;    // each is JSON if it parses as JSON, else a string
  std::optional<std::string> json;  // one JSON list, or an object with args and kwargs, instead of `args`
  std::string queue{kDefaultQueue};
  std::uint64_t count = 1;
  bool wait = false;
  std::optional<std::chrono::milliseconds> timeout;  // of the whole wait; unset: no limit
  JobFlags job;
};

struct WaitOptions {
  std::vector<JobId> ids;
  std::optional<std::chrono::milliseconds> timeout;
};

struct StatusOptions {
  std::vector<JobId> ids;
};

struct CancelOptions {
  std::vector<JobId> ids;
  std::chrono::milliseconds timeout{10'000};  // for running jobs to end
};

struct MapOptions {
  std::string task;
  std::string input = "-";   // a file, or - for stdin
  std::string output = "-";  // a file, or - for stdout
  std::string queue{kDefaultQueue};
  std::size_t window = 10'000;  // most jobs in flight
  bool resume = false;          // skip the jobs that are already in the output file
  bool retry_failed = false;    // with resume: submit the jobs that did not succeed again
  JobFlags job;
};

struct ListOptions {
  std::optional<JobState> state;
  std::string queue;  // empty: all queues
  std::string task;   // empty: all tasks
  std::uint64_t limit = 100;
  bool all = false;  // ignore `limit`
};

// Either ids, or a filter over all failed jobs.
struct RetryOptions {
  std::vector<JobId> ids;
  std::string queue;
  std::string task;
  bool all_failed = false;
};

struct PurgeOptions {
  std::string queue;
  JobState state = JobState::queued;  // or failed
  bool yes = false;                   // do not ask for confirmation
};

struct PauseOptions {
  std::string queue;
  std::string reason;
};

struct ResumeOptions {
  std::string queue;
};

struct DrainOptions {
  std::string consumer;                              // its name or instance
  std::optional<std::chrono::milliseconds> timeout;  // until the consumer is gone; unset: no limit
};

struct TopOptions {
  std::chrono::milliseconds interval{1000};
};

struct QueuesOptions {};
struct ConsumersOptions {
  bool runs = false;  // list the jobs that each has, too
};
struct PingOptions {};

using Command = std::variant<SubmitOptions, WaitOptions, StatusOptions, CancelOptions, MapOptions, ListOptions,
                             RetryOptions, PurgeOptions, PauseOptions, ResumeOptions, DrainOptions, TopOptions,
                             QueuesOptions, ConsumersOptions, PingOptions>;

struct Options {
  CommonOptions common;
  Command command;
};

// The options, or the exit code if the program should exit: after --help and the like, or after a usage error, which
// has been reported on stderr.
[[nodiscard]] std::variant<Options, int> read_options(int argc, const char* const* argv);

}  // namespace zebu::producer
