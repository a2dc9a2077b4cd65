#include "producer/commands/subcommands.h"
#include "producer/connection/answers.h"
#include "producer/text/readable.h"
#include "producer/text/table.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <limits>

namespace zebu::producer {
namespace {

using Json = nlohmann::json;

// The most jobs in one answer (docs/protocol.md).
constexpr std::uint64_t kPage = 1'000;
constexpr std::size_t kErrorWidth = 60;

std::chrono::milliseconds unix_now() { return Moment::now().wall.time_since_epoch(); }

void print(const CommonOptions& common, const Json& jobs, Table& table) {
  if (common.output == Output::json) {
    for (const Json& job : jobs) print_json(job);
    return;
  }
  const auto now = unix_now();
  for (const Json& job : jobs) {
    table.add({cell(job, "id"), cell(job, "state"), cell(job, "queue"), cell(job, "task"), cell(job, "attempt"),
               age_cell(job, "submitted_ms", now), error_cell(job, kErrorWidth)});
  }
  std::cout << table.take() << std::flush;
}

}  // namespace

int run(const CommonOptions& common, const ListOptions& options) {
  const auto client = connect(common);
  if (!client) return 1;
  using enum Table::Align;
  Table table({{"ID", left},
               {"STATE", left},
               {"QUEUE", left},
               {"TASK", left},
               {"ATTEMPT", right},
               {"AGE", right},
               {"ERROR", left}});
  Params params;
  params.state = options.state;
  params.queue = options.queue;
  params.task = options.task;
  std::uint64_t left_to_list = options.all ? std::numeric_limits<std::uint64_t>::max() : options.limit;
  bool is_empty = true;
  while (left_to_list > 0 && std::cout) {
    // With a state, the broker filters the jobs of a page: `limit` bounds how many it looks at.
    params.limit = static_cast<std::uint32_t>(options.state ? kPage : std::min(kPage, left_to_list));
    const auto page = ask(*client, common, "list", params);
    if (!page || !page->is_object()) return 1;
    Json jobs = page->value("jobs", Json::array());
    if (jobs.size() > left_to_list) {
      jobs.erase(jobs.begin() + static_cast<std::ptrdiff_t>(left_to_list), jobs.end());
    }
    if (!jobs.empty()) print(common, jobs, table);
    is_empty = is_empty && jobs.empty();
    left_to_list -= std::min<std::uint64_t>(left_to_list, jobs.size());
    const Json next = page->value("next", Json());
    if (!next.is_string()) break;
    params.after = next.get<std::string>();
  }
  if (is_empty && common.output == Output::text) std::cout << "no jobs found\n";
  return std::cout ? 0 : 1;
}

}  // namespace zebu::producer
