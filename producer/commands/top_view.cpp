#include "producer/commands/top_view.h"

#include "producer/connection/answers.h"
#include "producer/text/readable.h"
#include "producer/text/table.h"
#include "zebu/program/visible_text.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdint>
#include <sstream>
#include <vector>

namespace zebu::producer {
namespace {

using Json = nlohmann::json;
using TextLines = std::vector<std::string>;

TextLines lines_of(const std::string& text) {
  TextLines lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

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

TextLines totals(const TopSnapshot& snapshot, const std::string& endpoint) {
  const Json& queues = snapshot.queues;
  return {visible("zebu " + cell(snapshot.broker, "version") + " at " + endpoint + ", store " +
                      cell(snapshot.broker, "store") + ", up " + duration_cell(snapshot.broker, "uptime_ms") + ", " +
                      count_cell(snapshot.broker, "clients") + " clients, " + count_cell(snapshot.broker, "consumers") +
                      " consumers",
                  Lines::one),
          count_of(queues, "queued") + " queued  " + count_of(queues, "scheduled") + " scheduled  " +
              count_of(queues, "running") + " running  " + count_of(queues, "failed") + " failed  " +
              rate_text(sum_of(queues, "in_rate")) + " in  " + rate_text(sum_of(queues, "out_rate")) + " out  " +
              count_of(snapshot.consumers, "slots") + " slots"};
}

std::vector<Json> sorted(const Json& list, const std::vector<std::string>& keys) {
  const auto weight = [&](const Json& item) {
    std::uint64_t sum = 0;
    for (const std::string& key : keys) sum += number(item, key);
    return sum;
  };
  std::vector<Json> items(list.begin(), list.end());
  std::stable_sort(items.begin(), items.end(), [&](const Json& a, const Json& b) {
    if (weight(a) != weight(b)) return weight(a) > weight(b);
    return cell(a, "name") < cell(b, "name");
  });
  return items;
}

TextLines queue_lines(const Json& queues) {
  using enum Table::Align;
  Table table({{"QUEUE", left},
               {"QUEUED", right},
               {"SCHEDULED", right},
               {"RUNNING", right},
               {"FAILED", right},
               {"IN", right},
               {"OUT", right},
               {"OLDEST", right},
               {"CONSUMERS", right},
               {"PAUSED", left}});
  for (const Json& queue : sorted(queues, {"queued", "scheduled", "running"})) {
    table.add({cell(queue, "name"), count_cell(queue, "queued"), count_cell(queue, "scheduled"),
               count_cell(queue, "running"), count_cell(queue, "failed"), rate_cell(queue, "in_rate"),
               rate_cell(queue, "out_rate"), duration_cell(queue, "oldest_ms"), count_cell(queue, "consumers"),
               paused_cell(queue)});
  }
  return lines_of(table.take());
}

TextLines consumer_lines(const Json& consumers) {
  using enum Table::Align;
  Table table({{"CONSUMER", left},
               {"SLOTS", right},
               {"RUNNING", right},
               {"STATE", left},
               {"HEARD", right},
               {"POOL", left},
               {"QUEUES", left}});
  for (const Json& consumer : sorted(consumers, {"running"})) {
    table.add({cell(consumer, "name"), count_cell(consumer, "slots"), count_cell(consumer, "running"),
               flag(consumer, "draining") ? "draining" : "serving", duration_cell(consumer, "heard_ms"),
               cell(consumer, "pool"), cell(consumer, "queues")});
  }
  return lines_of(table.take());
}

// Shortens a table to `room` lines. The heading stays, and the last line says how many rows are missing.
void cut(TextLines& table, std::size_t room) {
  if (table.size() <= room) return;
  const std::size_t rows = table.size() - 1;
  table.resize(room);
  if (room > 1) table.back() = "… " + count_text(rows - (room - 2)) + " more";
}

// Shares `room` lines between two tables. A table that needs less than half of them is shown in full.
void share(TextLines& one, TextLines& other, std::size_t room) {
  const std::size_t half = room / 2;
  const std::size_t for_one =
      other.size() < half ? room - other.size() : std::max(half, room - std::min(room, other.size()));
  cut(one, for_one);
  cut(other, room - std::min(room, one.size()));
}

}  // namespace

std::string top_text(const TopSnapshot& snapshot, const std::string& endpoint, std::optional<TerminalSize> fit) {
  const TextLines head = totals(snapshot, endpoint);
  TextLines queues = queue_lines(snapshot.queues);
  TextLines consumers = consumer_lines(snapshot.consumers);
  constexpr std::size_t kGaps = 2;
  if (fit) share(queues, consumers, fit->rows - std::min(fit->rows, head.size() + kGaps));
  std::string text;
  std::size_t rows = 0;
  const auto add = [&](const std::string& line, const char* mark = "") {
    if (!fit) text += line + '\n';
    if (fit && rows++ < fit->rows) text += mark + shortened(line, fit->columns) + '\n';
  };
  const auto add_table = [&](const TextLines& table) {
    add("");
    for (const std::string& line : table) add(line, &line == &table.front() ? "\t" : "");
  };
  for (const std::string& line : head) add(line);
  add_table(queues);
  add_table(consumers);
  return text;
}

}  // namespace zebu::producer
