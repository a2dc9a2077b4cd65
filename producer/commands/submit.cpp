#include "producer/commands/subcommands.h"
#include "producer/commands/submit_wait.h"
#include "producer/connection/broker_connection.h"
#include "producer/connection/job_request.h"
#include "producer/text/complain.h"
#include "producer/text/json_arguments.h"
#include "producer/text/readable.h"

#include <deque>
#include <iostream>
#include <optional>

namespace zebu::producer {
namespace {

// The most jobs that wait for ACCEPTED at a time, whatever --count says.
constexpr std::size_t kUnaccepted = 10'000;
constexpr std::size_t kShownWord = 60;

Result<JobRequest> request_of(const SubmitOptions& options) {
  PackedArguments arguments;
  if (options.json) {
    auto packed = pack_json_list(*options.json, options.job.keywords);
    if (!packed) return fail(ErrorCode::bad_value, "--json: " + packed.error().message);
    arguments = std::move(*packed);
  } else {
    auto packed = pack_words(options.args, options.job.keywords);
    if (!packed) return tl::make_unexpected(packed.error());
    arguments = std::move(*packed);
    for (const std::string& word : malformed_words(options.args)) {
      complain("'" + shortened(word, kShownWord) +
               "' is not valid JSON, so it is sent as text; use --json for strict JSON");
    }
  }
  return job_request(options.task, std::move(arguments), options.queue, options.job);
}

bool print_accepted(Output output, const Job<>& job) {
  const auto accepted = job.accepted();
  if (!accepted) {
    complain("job " + job.id().to_string() + " was not accepted: " + accepted.error().message);
    return false;
  }
  const std::string id = job.id().to_string();
  std::cout << (output == Output::json ? "{\"id\":\"" + id + "\"}\n" : id + '\n');
  return static_cast<bool>(std::cout);
}

// At its limit the client refuses at once.
bool is_client_full(const Job<>& job) {
  const auto accepted = job.accepted(std::chrono::milliseconds(0));
  return !accepted && accepted.error().code == ErrorCode::client_full;
}

// Prints the id of each job once the broker has accepted it.
int submit_only(Client& client, const CommonOptions& common, const SubmitOptions& options, const JobRequest& request) {
  std::deque<Job<>> asked;
  std::uint64_t submitted = 0;
  bool is_full = false;
  bool all_accepted = true;
  while (all_accepted && (submitted < options.count || !asked.empty())) {
    if (submitted < options.count && asked.size() < kUnaccepted && !is_full) {
      Job<> job = client.submit(request);
      is_full = !asked.empty() && is_client_full(job);
      if (is_full) continue;
      asked.push_back(std::move(job));
      ++submitted;
    } else {
      all_accepted = print_accepted(common.output, asked.front());
      asked.pop_front();
      is_full = false;
    }
  }
  std::cout << std::flush;
  return all_accepted ? 0 : 1;
}

}  // namespace

int run(const CommonOptions& common, const SubmitOptions& options) {
  const auto request = request_of(options);
  if (!request) {
    complain(request.error().message);
    return 2;
  }
  std::optional<Interrupt> interrupt;
  if (options.wait) interrupt.emplace();  // else Ctrl-C ends the program as it ends any other
  const auto client = connect(common, {}, interrupt ? &*interrupt : nullptr);
  if (!client) return 1;
  if (!options.wait) return submit_only(*client, common, options, *request);
  if (options.count == 1) return submit_and_wait(*client, common, options, *request, *interrupt);
  return submit_many_and_wait(*client, common, options, *request, *interrupt);
}

}  // namespace zebu::producer
