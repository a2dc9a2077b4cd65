#include "producer/commands/subcommands.h"
#include "producer/connection/answers.h"
#include "producer/connection/broker_connection.h"
#include "producer/connection/job_text.h"
#include "producer/text/readable.h"
#include "producer/text/table.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <iostream>
#include <span>

namespace zebu::producer {
namespace {

using Json = nlohmann::json;

// The most ids in one query (docs/protocol.md).
constexpr std::size_t kIdsPerQuery = 1'000;

Json job_or_unknown(const JobId& id, const Json& job) {
  if (job.is_object()) return job;
  return Json{{"id", id.to_string()}, {"state", "unknown"}};
}

// Jobs whose results together are too large for one answer are asked for in halves. False: an error was reported.
bool read_jobs(Client& client, const CommonOptions& common, std::span<const JobId> ids, std::vector<Json>& jobs) {
  Params params;
  params.ids.assign(ids.begin(), ids.end());
  const auto answer = query(client, "jobs", params, common.connect_timeout);
  if (!answer && answer.error().code == ErrorCode::too_large && ids.size() > 1) {
    const std::size_t half = ids.size() / 2;
    return read_jobs(client, common, ids.first(half), jobs) && read_jobs(client, common, ids.subspan(half), jobs);
  }
  const auto found = value_or_complain(answer, common, "jobs");
  if (!found || found->size() != ids.size()) return false;
  for (std::size_t i = 0; i < ids.size(); ++i) jobs.push_back(job_or_unknown(ids[i], (*found)[i]));
  return true;
}

void print_table(const std::vector<Json>& jobs) {
  using enum Table::Align;
  Table table({{"ID", left},
               {"TASK", left},
               {"QUEUE", left},
               {"STATE", left},
               {"ATTEMPT", right},
               {"FAILURES", right},
               {"SUBMITTED", left},
               {"DUE", left},
               {"RAN", right},
               {"CONSUMER", left}});
  for (const Json& job : jobs) {
    table.add({cell(job, "id"), cell(job, "task"), cell(job, "queue"), cell(job, "state"), cell(job, "attempt"),
               cell(job, "failures"), time_cell(job, "submitted_ms"), time_cell(job, "due_ms"), ran_cell(job),
               cell(job, "consumer")});
  }
  std::cout << table.take();
}

}  // namespace

int run(const CommonOptions& common, const StatusOptions& options) {
  const auto client = connect(common);
  if (!client) return 1;
  std::vector<Json> jobs;
  for (std::size_t at = 0; at < options.ids.size(); at += kIdsPerQuery) {
    const std::span ids(options.ids);
    if (!read_jobs(*client, common, ids.subspan(at, std::min(kIdsPerQuery, ids.size() - at)), jobs)) return 1;
  }
  if (common.output == Output::json) {
    for (const Json& job : jobs) print_json(job);
  } else if (jobs.size() == 1) {
    std::cout << job_text(jobs.front());
  } else {
    print_table(jobs);
  }
  const auto is_unknown = [](const Json& job) { return job.value("state", "") == "unknown"; };
  return std::any_of(jobs.begin(), jobs.end(), is_unknown) ? 1 : 0;
}

}  // namespace zebu::producer
