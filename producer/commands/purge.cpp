#include "producer/commands/subcommands.h"
#include "producer/connection/answers.h"
#include "producer/text/complain.h"
#include "producer/text/readable.h"

#include <nlohmann/json.hpp>

#include <iostream>
#include <string>
#include <unistd.h>

namespace zebu::producer {
namespace {

using Json = nlohmann::json;

// "cancel 1,234 queued and 5 scheduled jobs", by the broker's current counts; empty if the broker does not answer.
std::string describe_purge(Client& client, const CommonOptions& common, const PurgeOptions& options) {
  const auto queues = ask_all(client, common, "queues");
  if (!queues) return {};
  Json found = Json::object();
  for (const Json& queue : *queues) {
    if (cell(queue, "name") == options.queue) found = queue;
  }
  if (options.state == JobState::failed) return "forget " + counted(number(found, "failed"), "failed job");
  return "cancel " + count_cell(found, "queued") + " queued and " +
         counted(number(found, "scheduled"), "scheduled job");
}

bool is_confirmed(Client& client, const CommonOptions& common, const PurgeOptions& options) {
  const std::string what = describe_purge(client, common, options);
  if (what.empty()) return false;
  std::cerr << what << " of queue " << options.queue << "? [y/N] " << std::flush;
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "Y" || answer == "yes";
}

}  // namespace

int run(const CommonOptions& common, const PurgeOptions& options) {
  if (!options.yes && ::isatty(STDIN_FILENO) != 1) {
    complain("purge cannot be undone, and stdin is not a terminal to ask for confirmation: use --yes");
    return 2;
  }
  const auto client = connect(common);
  if (!client) return 1;
  if (!options.yes && !is_confirmed(*client, common, options)) {
    complain("nothing was purged");
    return 1;
  }
  Params params;
  params.queue = options.queue;
  params.state = options.state;
  const auto answer = command(*client, common, "purge", params);
  if (!answer) return 1;
  if (common.output == Output::json) return print_json(*answer);
  const std::string done = options.state == JobState::failed ? "forgotten" : "cancelled";
  if (answer->value("purged", Json()).is_number()) {
    const std::uint64_t jobs = number(*answer, "purged");
    std::cout << counted(jobs, "job") << " of queue " << options.queue << ' ' << are(jobs) << ' ' << done << '\n';
  } else {
    std::cout << "the jobs of queue " << options.queue << " are being " << done << '\n';
  }
  return 0;
}

}  // namespace zebu::producer
