#include <nlohmann/json.hpp>

#include <answers.h>
#include <commands.h>
#include <iostream>

namespace zebu::producer {
namespace {

int tell_broker(const CommonOptions& common, const std::string& what, const Params& params, const std::string& done) {
  const auto client = connect(common);
  if (!client) return 1;
  const auto answer = command(*client, common, what, params);
  if (!answer) return 1;
  if (common.output == Output::json) return print_json(*answer);
  std::cout << "queue " << params.queue << ' ' << done << '\n';
  return 0;
}

}  // namespace

int run(const CommonOptions& common, const PauseOptions& options) {
  Params params;
  params.queue = options.queue;
  params.reason = options.reason;
  return tell_broker(common, "pause", params, "is paused: running jobs go on, no other starts");
}

int run(const CommonOptions& common, const ResumeOptions& options) {
  Params params;
  params.queue = options.queue;
  return tell_broker(common, "resume", params, "goes on");
}

}  // namespace zebu::producer
