#include "producer/commands/job_output.h"

#include "producer/connection/broker_connection.h"
#include "producer/text/complain.h"
#include "producer/text/value_json.h"
#include "zebu/program/visible_text.h"

#include <iostream>
#include <unistd.h>
#include <utility>

namespace zebu::producer {
namespace {

// Scripts get a result as it is; a terminal must not obey it.
std::string shown(std::string result) {
  return ::isatty(STDOUT_FILENO) == 1 ? visible(result, Lines::many) : std::move(result);
}

}  // namespace

bool print_outcome(Output output, const JobId& id, bool is_only, const Result<Outcome>& outcome) {
  const bool succeeded = outcome && outcome->state == JobState::succeeded;
  const std::string name = id.to_string();
  if (output == Output::json) {
    std::cout << "{\"id\":\"" + name + "\"," + known_fields(outcome) + "}\n" << std::flush;
  } else if (succeeded) {
    std::cout << (is_only ? "" : name + "  ") + shown(plain_of(outcome->result)) + '\n' << std::flush;
  } else if (!outcome) {
    complain("job " + name + ": " + outcome.error().message);
  } else if (outcome->state == JobState::failed) {
    complain("job " + name + " failed: " + plain_of(outcome->error));
  } else if (outcome->state == JobState::expired) {
    complain("job " + name + " expired: it did not start in time");
  } else {
    complain("job " + name + " was cancelled");
  }
  return succeeded;
}

}  // namespace zebu::producer
