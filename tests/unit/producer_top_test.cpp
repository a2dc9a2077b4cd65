#include "producer/text/columns.h"
#include "producer/top/top_state.h"
#include "producer/top/top_view.h"
#include "tests/support/catch.h"

#include <algorithm>
#include <sstream>

namespace zebu::producer {

using Json = nlohmann::json;
using View = TopState::View;

namespace {

Json queue(const std::string& name, int queued) {
  return {{"name", name},   {"queued", queued}, {"scheduled", 1},   {"running", 2},
          {"failed", 3},    {"in_rate", 1.5},   {"out_rate", 2.0},  {"oldest_ms", 2'000},
          {"consumers", 1}, {"paused", false},  {"reason", nullptr}};
}

Json consumer(const std::string& name, int running) {
  return {{"name", name},   {"slots", 4},          {"running", running},        {"draining", false},
          {"heard_ms", 10}, {"pool", "processes"}, {"queues", {"default", "b"}}};
}

Json running_job(const std::string& id) { return {{"id", id}, {"task", "fib"}, {"state", "running"}, {"attempt", 1}}; }

TopData data_of(const Json& queues, const Json& consumers) {
  TopData data;
  data.broker = {{"version", "1.2.3"}, {"store", "sqlite"}, {"uptime_ms", 60'000}, {"clients", 2}, {"consumers", 1}};
  data.queues = queues;
  data.consumers = consumers;
  data.jobs = nullptr;
  data.job = nullptr;
  return data;
}

std::vector<std::string> screen(const TopState& state, const TopData& data, std::size_t columns, std::size_t rows) {
  std::vector<std::string> lines;
  for (const ScreenLine& line : top_screen(state, data, "tcp://b:5555", "", {columns, rows}))
    lines.push_back(line.text);
  return lines;
}

std::size_t index_of(const std::vector<std::string>& lines, const std::string& begin) {
  return static_cast<std::size_t>(
      std::find_if(lines.begin(), lines.end(), [&](const std::string& line) { return line.starts_with(begin); }) -
      lines.begin());
}

std::string text_of(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + '\n';
  return text;
}

}  // namespace

TEST_CASE("top shows totals, the largest queues and the busiest consumers first") {
  Json paused = queue("paused", 5);
  paused["paused"] = true;
  paused["reason"] = "the disk is full";
  const TopData data =
      data_of({queue("small", 1), paused, queue("large", 1'000)}, {consumer("idle", 0), consumer("busy", 4)});
  const auto lines = screen({}, data, 120, 40);
  CHECK(lines[0] == "zebu 1.2.3 at tcp://b:5555, store sqlite, up 1 min, 2 clients, 1 consumer");
  CHECK(lines[1] == "1,006 queued  3 scheduled  6 running  9 failed  4.5/s in  6.0/s out  8 slots");
  CHECK(index_of(lines, "large") < index_of(lines, "paused"));
  CHECK(index_of(lines, "paused") < index_of(lines, "small"));
  CHECK(index_of(lines, "small") < index_of(lines, "busy"));
  CHECK(index_of(lines, "busy") < index_of(lines, "idle"));
  CHECK(lines.at(index_of(lines, "paused")).ends_with("  the disk is full"));
  CHECK(top_text(data, "tcp://b:5555").find("\nlarge") != std::string::npos);
}

TEST_CASE("top fits every terminal, and says what is missing") {
  Json queues = Json::array();
  Json consumers = Json::array();
  for (int i = 0; i < 50; ++i) queues.push_back(queue("queue-" + std::to_string(i), i));
  for (int i = 0; i < 30; ++i) consumers.push_back(consumer("consumer-" + std::to_string(i), i));
  const TopData data = data_of(queues, consumers);
  for (const std::size_t rows : {1U, 2U, 3U, 4U, 5U, 8U, 24U, 60U, 200U}) {
    for (const std::size_t columns : {1U, 10U, 40U, 80U, 200U}) {
      INFO(columns << " x " << rows);
      const auto lines = screen({}, data, columns, rows);
      CHECK(lines.size() <= rows);
      for (const std::string& line : lines) CHECK(width_of(line) <= columns);
    }
  }
  const auto lines = screen({}, data, 80, 24);
  CHECK(lines.size() == 24);
  CHECK(index_of(lines, "… ") < index_of(lines, "CONSUMER"));
  CHECK(lines.back().starts_with("… "));
}

TEST_CASE("at 40 columns top has how many jobs wait, and how long the oldest") {
  const TopData data =
      data_of(Json::array({queue("a-queue-with-a-long-name", 12'345)}), Json::array({consumer("c", 1)}));
  const auto lines = screen({}, data, 40, 24);
  const std::string heading = lines.at(index_of(lines, "QUEUE "));
  CHECK(heading.find("QUEUED") != std::string::npos);
  CHECK(heading.find("RUNNING") != std::string::npos);
  CHECK(heading.find("OLDEST") != std::string::npos);
  const std::string row = lines.at(index_of(lines, "a-queue"));
  CHECK(row.find("12,345") != std::string::npos);
  CHECK(row.ends_with("2 s"));
}

TEST_CASE("the chosen queue stays in sight, and Enter opens its jobs and a job") {
  Json queues = Json::array();
  for (int i = 0; i < 50; ++i) queues.push_back(queue("queue-" + std::to_string(100 - i), 100 - i));
  TopData data = data_of(queues, Json::array());
  TopState state;
  for (int i = 0; i < 30; ++i) CHECK(state.press('j', data));
  CHECK(index_of(screen(state, data, 80, 20), "queue-70") < 20);
  state.press(keys::kEnd, data);
  CHECK(state.row(50) == 49);
  state.press(keys::kHome, data);
  state.press(keys::kDown, data);
  state.press(keys::kEnter, data);
  CHECK(state.view() == View::jobs);
  CHECK(state.wish().queue == "queue-99");
  CHECK(state.wish().state == JobState::running);
  CHECK(text_of(screen(state, data, 80, 20)).find("…") != std::string::npos);  // not answered yet
  state.press('f', data);
  CHECK(state.wish().state == JobState::failed);
  data.jobs = Json::array();
  CHECK(text_of(screen(state, data, 80, 20)).find("no durable job is failed") != std::string::npos);
  data.jobs = {running_job("id-1"), running_job("id-2")};
  state.press('j', data);
  state.press(keys::kEnter, data);
  CHECK(state.wish().job == "id-2");
  data.job = running_job("id-2");
  CHECK(text_of(screen(state, data, 80, 20)).find("task       fib") != std::string::npos);
  state.press(keys::kBack, data);
  CHECK(state.view() == View::jobs);
  CHECK(state.wish().job.empty());
  CHECK(state.row(2) == 1);
  state.press(keys::kBack, data);
  CHECK(state.view() == View::overview);
  CHECK(state.wish() == TopWish{});
  CHECK(state.row(50) == 1);
}

TEST_CASE("top sorts the queues by each column, and reversed") {
  Json fast = queue("fast", 1);
  fast["out_rate"] = 9.0;
  const TopData data = data_of({queue("a", 5), fast}, Json::array());
  TopState state;
  const auto first = [&] { return sorted_queues(data.queues, state.sort(), state.is_reversed())[0]["name"]; };
  CHECK(first() == "a");
  while (state.sort() != TopState::Sort::out) state.press('s', data);
  CHECK(first() == "fast");
  state.press('r', data);
  CHECK(first() == "a");
  CHECK(text_of(screen(state, data, 80, 20)).find("sorted by out, reversed") != std::string::npos);
}

TEST_CASE("top explains its keys, and q ends it") {
  const TopData data = data_of(Json::array(), Json::array());
  TopState state;
  state.press('h', data);
  CHECK(text_of(screen(state, data, 80, 24)).find("quit") != std::string::npos);
  state.press('h', data);
  CHECK(state.view() == View::overview);
  state.press(keys::kEnter, data);  // there is no queue to open
  CHECK(state.view() == View::overview);
  CHECK_FALSE(state.press('q', data));
}

TEST_CASE("keys are read from what terminals send") {
  CHECK(keys_of("\x1b[A\x1bOBj\r\x1b[6~") ==
        std::vector<Key>{keys::kUp, keys::kDown, 'j', keys::kEnter, keys::kPageDown});
  CHECK(keys_of("\x1b") == std::vector<Key>{keys::kBack});
  CHECK(keys_of("\x1b[1;5Cq") == std::vector<Key>{'q'});
  CHECK(keys_of("\x7f").front() == keys::kBack);
  CHECK(keys_of("\x1b[").empty());
}

TEST_CASE("a name cannot write to the terminal") {
  TopData data = data_of(Json::array({queue("a\x1b[2J", 1)}), Json::array());
  TopState state;
  for (const ScreenLine& line : top_screen(state, data, "tcp://b\x1b", "\x1b]0;x", {80, 24}))
    CHECK(line.text.find('\x1b') == std::string::npos);
  state.press(keys::kEnter, data);
  data.jobs = Json::array({running_job("\x1b[31m")});
  for (const ScreenLine& line : top_screen(state, data, "b", "", {80, 24}))
    CHECK(line.text.find('\x1b') == std::string::npos);
}

}  // namespace zebu::producer
