#include "producer/commands/subcommands.h"
#include "producer/connection/broker_connection.h"
#include "producer/text/complain.h"
#include "producer/text/value_json.h"

#include <algorithm>
#include <iostream>

namespace zebu::producer {
namespace {

// Prints how a job ended after its cancel. Returns true if it was cancelled.
bool print_ended(Output output, const JobId& id, const Result<Outcome>& outcome) {
  const std::string name = id.to_string();
  if (output == Output::json) {
    std::cout << "{\"id\":\"" + name + "\"," + known_fields(outcome) + "}\n" << std::flush;
  } else if (!outcome) {
    complain("job " + name + ": " + outcome.error().message);
  } else {
    const bool cancelled = outcome->state == JobState::cancelled;
    std::cout << name << (cancelled ? "  " : "  too late: ") << to_string(outcome->state) << '\n' << std::flush;
  }
  return outcome && outcome->state == JobState::cancelled;
}

}  // namespace

int run(const CommonOptions& common, const CancelOptions& options) {
  const auto client = connect(common);
  if (!client) return 1;
  std::vector<Job<>> jobs;
  for (const JobId& id : options.ids) jobs.push_back(client->wait(id));
  for (const Job<>& job : jobs) job.cancel();
  const TimePoint deadline = Clock::now() + options.timeout;
  bool all_cancelled = true;
  for (const Job<>& job : jobs) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
    const auto outcome = job.outcome(std::max(left, std::chrono::milliseconds(0)));
    if (!print_ended(common.output, job.id(), outcome)) all_cancelled = false;
  }
  return all_cancelled ? 0 : 1;
}

}  // namespace zebu::producer
