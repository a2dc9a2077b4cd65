#include "producer/commands/subcommands.h"
#include "producer/connection/answers.h"

#include <nlohmann/json.hpp>

#include <iostream>

namespace zebu::producer {
namespace {

using Json = nlohmann::json;

int tell_broker(const CommonOptions& common, const std::string& what, const Params& params, const auto& done) {
  const auto client = connect(common);
  if (!client) return 1;
  const auto answer = command(*client, common, what, params);
  if (!answer) return 1;
  if (common.output == Output::json) return print_json(*answer);
  std::cout << "queue " << params.queue << ' ' << done(*answer) << '\n';
  return 0;
}

}  // namespace

int run(const CommonOptions& common, const PauseOptions& options) {
  Params params;
  params.queue = options.queue;
  params.reason = options.reason;
  return tell_broker(common, "pause", params,
                     [](const Json&) { return "is paused: running jobs continue, no new ones start"; });
}

int run(const CommonOptions& common, const ResumeOptions& options) {
  Params params;
  params.queue = options.queue;
  return tell_broker(common, "resume", params, [](const Json& answer) {
    return number(answer, "resumed") > 0 ? "is resumed" : "was not paused";
  });
}

}  // namespace zebu::producer
