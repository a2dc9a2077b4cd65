#include "producer/connection/answers.h"
#include "producer/connection/job_text.h"
#include "producer/text/readable.h"
#include "producer/top/top_tables.h"
#include "producer/top/top_view.h"
#include "zebu/program/visible_text.h"

#include <algorithm>

namespace zebu::producer {
namespace {

using Json = nlohmann::json;

double sum_of(const Json& list, const std::string& key) {
  double sum = 0;
  for (const Json& item : list) {
    const auto found = item.find(key);
    if (found != item.end() && found->is_number()) sum += found->get<double>();
  }
  return sum;
}

std::string count_of(const Json& list, const std::string& key) {
  return count_text(static_cast<std::uint64_t>(sum_of(list, key)));
}

}  // namespace

std::string broker_line(const TopData& data, const std::string& endpoint) {
  return visible("zebu " + cell(data.broker, "version") + " at " + endpoint + ", store " + cell(data.broker, "store") +
                     ", up " + duration_cell(data.broker, "uptime_ms") + ", " +
                     counted(number(data.broker, "clients"), "client") + ", " +
                     counted(number(data.broker, "consumers"), "consumer"),
                 Lines::one);
}

std::string totals_line(const TopData& data) {
  const Json& queues = data.queues;
  const auto slots = static_cast<std::uint64_t>(sum_of(data.consumers, "slots"));
  return count_of(queues, "queued") + " queued  " + count_of(queues, "scheduled") + " scheduled  " +
         count_of(queues, "running") + " running  " + count_of(queues, "failed") + " failed  " +
         rate_text(sum_of(queues, "in_rate")) + " in  " + rate_text(sum_of(queues, "out_rate")) + " out  " +
         counted(slots, "slot");
}

Table queue_table(const std::vector<Json>& queues) {
  using enum Table::Align;
  const bool is_any_paused =
      std::any_of(queues.begin(), queues.end(), [](const Json& queue) { return flag(queue, "paused"); });
  Table table({{"QUEUE", left},
               {"QUEUED", right},
               {"SCHEDULED", right, 7},
               {"RUNNING", right, 1},
               {"FAILED", right, 3},
               {"IN", right, 5},
               {"OUT", right, 4},
               {"OLDEST", right},
               {"CONSUMERS", right, 6},
               {"PAUSED", left, is_any_paused ? 2 : 8}});
  for (const Json& queue : queues) {
    table.add({cell(queue, "name"), count_cell(queue, "queued"), count_cell(queue, "scheduled"),
               count_cell(queue, "running"), count_cell(queue, "failed"), rate_cell(queue, "in_rate"),
               rate_cell(queue, "out_rate"), duration_cell(queue, "oldest_ms"), count_cell(queue, "consumers"),
               paused_cell(queue)});
  }
  return table;
}

std::vector<Json> busiest_first(const Json& consumers) {
  std::vector<Json> sorted(consumers.begin(), consumers.end());
  std::stable_sort(sorted.begin(), sorted.end(), [](const Json& a, const Json& b) {
    const std::uint64_t of_a = number(a, "running");
    const std::uint64_t of_b = number(b, "running");
    return of_a != of_b ? of_a > of_b : cell(a, "name") < cell(b, "name");
  });
  return sorted;
}

Table consumer_table(const std::vector<Json>& consumers) {
  using enum Table::Align;
  Table table({{"CONSUMER", left},
               {"SLOTS", right, 2},
               {"RUNNING", right},
               {"STATE", left, 1},
               {"HEARD", right, 3},
               {"POOL", left, 5},
               {"QUEUES", left, 4}});
  for (const Json& consumer : consumers) {
    table.add({cell(consumer, "name"), count_cell(consumer, "slots"), count_cell(consumer, "running"),
               flag(consumer, "draining") ? "draining" : "serving", duration_cell(consumer, "heard_ms"),
               cell(consumer, "pool"), cell(consumer, "queues")});
  }
  return table;
}

Table job_table(const Json& jobs) {
  using enum Table::Align;
  constexpr std::size_t kErrorWidth = 200;
  const auto now = Moment::now().wall.time_since_epoch();
  Table table({{"ID", left},
               {"TASK", left},
               {"ATTEMPT", right, 3},
               {"AGE", right, 1},
               {"RAN", right, 4},
               {"CONSUMER", left, 5},
               {"ERROR", left, 2}});
  for (const Json& job : jobs) {
    table.add({cell(job, "id"), cell(job, "task"), cell(job, "attempt"), age_cell(job, "submitted_ms", now),
               ran_cell(job), cell(job, "consumer"), error_cell(job, kErrorWidth)});
  }
  return table;
}

std::string top_text(const TopData& data, const std::string& endpoint) {
  return broker_line(data, endpoint) + '\n' + totals_line(data) + "\n\n" +
         queue_table(sorted_queues(data.queues, TopState::Sort::backlog, false)).take() + '\n' +
         consumer_table(busiest_first(data.consumers)).take();
}

}  // namespace zebu::producer
