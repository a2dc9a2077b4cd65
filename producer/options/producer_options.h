#pragma once

#include "zebu/client_session.h"

#include <chrono>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace zebu::producer {

enum class Output { text, json };

// Of all subcommands.
struct CommonOptions {
  std::string broker = "tcp://127.0.0.1:5555";
  std::chrono::milliseconds connect_timeout{3000};  // how long the broker may take to answer HELLO
  Output output = Output::text;                     // json: for programs
  std::string log_level = "warn";
};

// A job's options as a command line has them.
struct JobFlags {
  JobOptions options;
  bool unique_by_args = false;  // the unique key is made from each job's task and arguments
};

struct SubmitOptions {
  std::string task;
  std::vector<std::string> args;    // each JSON where it parses as JSON, else a string
  std::optional<std::string> json;  // one JSON list instead of `args`
  std::string queue{kDefaultQueue};
  std::uint64_t count = 1;
  bool wait = false;
  std::optional<std::chrono::milliseconds> timeout;  // of the whole wait; nothing: for ever
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
  std::size_t window = 10'000;  // jobs under way at most
  bool resume = false;          // what is in the output already is not submitted again
  bool retry_failed = false;    // with resume: but for what did not succeed
  JobFlags job;
};

struct ListOptions {
  std::optional<JobState> state;
  std::string queue;  // empty: of all queues
  std::string task;   // empty: of all tasks
  std::uint64_t limit = 100;
  bool all = false;  // without a limit
};

// Either of ids, or of all failed jobs that the filter lets through.
struct RetryOptions {
  std::vector<JobId> ids;
  std::string queue;
  std::string task;
  bool all_failed = false;
};

struct PurgeOptions {
  std::string queue;
  JobState state = JobState::queued;  // or failed
  bool yes = false;                   // do not ask
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
  std::optional<std::chrono::milliseconds> timeout;  // for its jobs to end; nothing: for ever
};

struct TopOptions {
  std::chrono::milliseconds interval{1000};
};

struct QueuesOptions {};
struct ConsumersOptions {};
struct PingOptions {};

using Command = std::variant<SubmitOptions, WaitOptions, StatusOptions, CancelOptions, MapOptions, ListOptions,
                             RetryOptions, PurgeOptions, PauseOptions, ResumeOptions, DrainOptions, TopOptions,
                             QueuesOptions, ConsumersOptions, PingOptions>;

struct Options {
  CommonOptions common;
  Command command;
};

// The options, or the exit code when there is nothing to do: after --help and its like, or a mistake, which was
// explained on stderr.
[[nodiscard]] std::variant<Options, int> read_options(int argc, const char* const* argv);

}  // namespace zebu::producer
