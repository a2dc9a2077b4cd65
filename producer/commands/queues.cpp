#include "producer/commands/subcommands.h"
#include "producer/connection/answers.h"
#include "producer/text/readable.h"
#include "producer/text/table.h"
#include "zebu/program/visible_text.h"

#include <nlohmann/json.hpp>

#include <iostream>

namespace zebu::producer {
namespace {

// Why jobs wait although nothing is paused.
std::string why_waiting(const nlohmann::json& queue) {
  const std::string name = "queue '" + visible(cell(queue, "name"), Lines::one) + "': ";
  const auto tasks = queue.find("unserved_tasks");
  if (tasks == queue.end() || !tasks->is_array() || tasks->empty()) return {};
  if (number(queue, "consumers") == 0) return name + "no consumer serves it\n";
  std::string list;
  for (const auto& task : *tasks)
    list += (list.empty() ? "'" : ", '") + visible(task.get<std::string>(), Lines::one) + "'";
  return name + "none of its consumers knows task " + list + ", so those jobs wait\n";
}

}  // namespace

int run(const CommonOptions& common, const QueuesOptions&) {
  const auto client = connect(common);
  if (!client) return 1;
  const auto queues = ask_all(*client, common, "queues");
  if (!queues) return 1;
  if (common.output == Output::json) return print_json(*queues);
  using enum Table::Align;
  Table table({{"QUEUE", left},
               {"QUEUED", right},
               {"SCHEDULED", right},
               {"RUNNING", right},
               {"FAILED", right},
               {"IN", right},
               {"OUT", right},
               {"BYTES", right},
               {"OLDEST", right},
               {"CONSUMERS", right},
               {"PAUSED", left}});
  for (const auto& queue : *queues) {
    table.add({cell(queue, "name"), count_cell(queue, "queued"), count_cell(queue, "scheduled"),
               count_cell(queue, "running"), count_cell(queue, "failed"), rate_cell(queue, "in_rate"),
               rate_cell(queue, "out_rate"), bytes_text(number(queue, "queued_bytes")),
               duration_cell(queue, "oldest_ms"), count_cell(queue, "consumers"), paused_cell(queue)});
  }
  std::cout << (queues->empty() ? "no queue has jobs or consumers\n" : table.take());
  for (const auto& queue : *queues) std::cout << why_waiting(queue);
  return 0;
}

}  // namespace zebu::producer
