#include "producer/commands/subcommands.h"
#include "producer/connection/answers.h"
#include "producer/connection/broker_connection.h"
#include "producer/text/complain.h"

#include <nlohmann/json.hpp>

#include <iostream>

namespace zebu::producer {
namespace {

using Json = nlohmann::json;

int tell_broker(Client& client, const CommonOptions& common, const std::string& what, const Params& params,
                const auto& done) {
  const auto answer = command(client, common, what, params);
  if (!answer) return 1;
  if (common.output == Output::json) return print_json(*answer);
  std::cout << "queue " << params.queue << ' ' << done(*answer) << '\n';
  return 0;
}

}  // namespace

int run(const CommonOptions& common, const PauseOptions& options) {
  const auto client = connect(common);
  if (!client) return 1;
  // A queue may be paused before its first job comes, but a misspelt name looks the same.
  const auto queue = ask_queue(*client, common, options.queue);
  if (!queue) return 1;
  const bool is_unknown = number(*queue, "queued") + number(*queue, "scheduled") + number(*queue, "running") +
                              number(*queue, "failed") + number(*queue, "consumers") ==
                          0;
  Params params;
  params.queue = options.queue;
  params.reason = options.reason;
  const int code = tell_broker(*client, common, "pause", params,
                               [](const Json&) { return "is paused: running jobs continue, no new ones start"; });
  if (code == 0 && is_unknown && std::cout.flush()) {
    complain("queue '" + options.queue + "' has no jobs and no consumers; it is paused all the same");
  }
  return code;
}

int run(const CommonOptions& common, const ResumeOptions& options) {
  const auto client = connect(common);
  if (!client) return 1;
  Params params;
  params.queue = options.queue;
  return tell_broker(*client, common, "resume", params, [](const Json& answer) {
    return number(answer, "resumed") > 0 ? "is resumed" : "was not paused";
  });
}

}  // namespace zebu::producer
