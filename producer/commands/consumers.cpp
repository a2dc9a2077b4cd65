#include "producer/commands/subcommands.h"
#include "producer/connection/answers.h"
#include "producer/text/table.h"

#include <nlohmann/json.hpp>

#include <iostream>

namespace zebu::producer {

int run(const CommonOptions& common, const ConsumersOptions&) {
  const auto client = connect(common);
  if (!client) return 1;
  const auto consumers = ask(*client, common, "consumers");
  if (!consumers) return 1;
  if (common.output == Output::json) return print_json(*consumers);
  using enum Table::Align;
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
  return 0;
}

}  // namespace zebu::producer
