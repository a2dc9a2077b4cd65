#include "producer/commands/subcommands.h"
#include "producer/connection/answers.h"
#include "producer/text/complain.h"
#include "producer/text/readable.h"
#include "zebu/program/visible_text.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

namespace zebu::producer {
namespace {

using Json = nlohmann::json;

// The most ids in one command (docs/protocol.md).
constexpr std::ptrdiff_t kIdsPerCommand = 1'000;

// Why a job cannot be retried; nullopt if it can.
std::optional<std::string> why_not(const Json& job) {
  if (!job.is_object()) return "the broker does not know it";
  if (cell(job, "state") != "failed") return "it is " + cell(job, "state");
  if (flag(job, "transient")) return "transient jobs cannot be retried";
  return std::nullopt;
}

// The ids of jobs that can be retried; for each other one it reports why not. Needed because the broker refuses the
// whole command if one job cannot be retried. nullopt if the broker did not answer.
std::optional<std::vector<JobId>> only_failed(Client& client, const CommonOptions& common,
                                              const std::vector<JobId>& ids) {
  Params params;
  params.ids = ids;
  const auto jobs = ask(client, common, "jobs", params);
  if (!jobs || jobs->size() != ids.size()) return std::nullopt;
  std::vector<JobId> failed;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (const auto why = why_not((*jobs)[i])) {
      complain("job " + ids[i].to_string() + " is not retried: " + *why);
    } else {
      failed.push_back(ids[i]);
    }
  }
  return failed;
}

// Reports the jobs that the broker skipped. Its pairs of old and new ids are in the order of `ids`.
void complain_of_missing(const std::vector<JobId>& ids, const Json& pairs) {
  auto pair = pairs.begin();
  for (const JobId& id : ids) {
    if (pair != pairs.end() && pair->at(0) == id.to_string()) {
      ++pair;
    } else {
      complain("job " + id.to_string() + " is not retried: it was forgotten, or another job has its unique key now");
    }
  }
}

// How many jobs were retried; nullopt after an error, which has been reported.
std::optional<std::size_t> retry_failed(Client& client, const CommonOptions& common, const std::vector<JobId>& ids) {
  if (ids.empty()) return 0;
  Params params;
  params.ids = ids;
  const auto answer = command(client, common, "retry", params);
  if (!answer) return std::nullopt;
  const Json pairs = answer->value("jobs", Json::array());
  for (const Json& pair : pairs) {
    if (common.output == Output::json) {
      print_json({{"id", pair.at(0)}, {"retried_as", pair.at(1)}});
    } else {
      std::cout << visible(pair.at(0).get<std::string>() + " -> " + pair.at(1).get<std::string>(), Lines::one) << '\n';
    }
  }
  std::cout << std::flush;
  complain_of_missing(ids, pairs);
  return pairs.size();
}

int retry_ids(Client& client, const CommonOptions& common, const std::vector<JobId>& ids) {
  std::size_t retried = 0;
  for (auto first = ids.begin(); first != ids.end();) {
    const auto last = first + std::min(kIdsPerCommand, ids.end() - first);
    const auto failed = only_failed(client, common, {first, last});
    const auto done = failed ? retry_failed(client, common, *failed) : std::nullopt;
    if (!done) return 1;
    retried += *done;
    first = last;
  }
  return retried == ids.size() ? 0 : 1;
}

int retry_found(Client& client, const CommonOptions& common, const RetryOptions& options) {
  Params params;
  params.queue = options.queue;
  params.task = options.task;
  const auto answer = command(client, common, "retry", params);
  if (!answer) return 1;
  if (common.output == Output::json) return print_json(*answer);
  const bool is_known = answer->value("retried", Json()).is_number();
  const std::uint64_t jobs = number(*answer, "retried");
  std::cout << (is_known ? counted(jobs, "failed job") + ' ' + are(jobs) + " queued again\n"
                         : "the failed jobs are being queued again\n");
  return 0;
}

}  // namespace

int run(const CommonOptions& common, const RetryOptions& options) {
  const auto client = connect(common);
  if (!client) return 1;
  return options.ids.empty() ? retry_found(*client, common, options) : retry_ids(*client, common, options.ids);
}

}  // namespace zebu::producer
