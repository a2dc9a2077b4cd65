#include "producer/commands/subcommands.h"
#include "producer/connection/answers.h"
#include "producer/text/readable.h"
#include "producer/text/table.h"

#include <nlohmann/json.hpp>

#include <iostream>

namespace zebu::producer {
namespace {

using enum Table::Align;

// The jobs that consumers have, started or not.
std::string runs_table(const nlohmann::json& consumers) {
  Table table(
      {{"JOB", left}, {"TASK", left}, {"QUEUE", left}, {"ATTEMPT", right}, {"ASSIGNED", left}, {"CONSUMER", left}});
  std::uint64_t left_out = 0;
  bool is_empty = true;
  for (const auto& consumer : consumers) {
    const auto runs = consumer.value("runs", nlohmann::json::array());
    for (const auto& run : runs) {
      is_empty = false;
      table.add({cell(run, "id"), cell(run, "task"), cell(run, "queue"), cell(run, "attempt"),
                 time_cell(run, "assigned_ms"), cell(consumer, "name")});
    }
    left_out += number(consumer, "running") - runs.size();
  }
  if (is_empty) return "no consumer has a job\n";
  return table.take() + (left_out > 0 ? "and " + count_text(left_out) + " more\n" : "");
}

}  // namespace

int run(const CommonOptions& common, const ConsumersOptions& options) {
  const auto client = connect(common);
  if (!client) return 1;
  const auto consumers = ask_all(*client, common, "consumers");
  if (!consumers) return 1;
  if (common.output == Output::json) return print_json(*consumers);
  Table table({{"CONSUMER", left},
               {"QUEUES", left},
               {"SLOTS", right},
               {"POOL", left},
               {"RUNNING", right},
               {"CREDIT", right},
               {"STATE", left},
               {"HEARD", right},
               {"TASKS", left}});
  for (const auto& consumer : *consumers) {
    const bool draining = consumer.value("draining", false);
    table.add({cell(consumer, "name"), cell(consumer, "queues"), count_cell(consumer, "slots"), cell(consumer, "pool"),
               count_cell(consumer, "running"), count_cell(consumer, "credit"), draining ? "draining" : "serving",
               duration_cell(consumer, "heard_ms"), cell(consumer, "tasks")});
  }
  std::cout << (consumers->empty() ? "no consumer is connected\n" : table.take());
  if (options.runs) std::cout << '\n' << runs_table(*consumers);
  return 0;
}

}  // namespace zebu::producer
