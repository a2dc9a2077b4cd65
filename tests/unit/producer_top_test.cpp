#include "producer/commands/top_view.h"
#include "producer/text/readable.h"
#include "tests/support/catch.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <sstream>

using namespace zebu::producer;
using Json = nlohmann::json;

namespace {

const Json kBroker = {
    {"version", "1.2.3"}, {"store", "sqlite"}, {"uptime_ms", 60'000}, {"clients", 2}, {"consumers", 1}};

Json queue(const std::string& name, int queued) {
  return {{"name", name},   {"queued", queued}, {"scheduled", 1},   {"running", 2},
          {"failed", 3},    {"in_rate", 1.5},   {"out_rate", 2.0},  {"oldest_ms", 2'000},
          {"consumers", 1}, {"paused", false},  {"reason", nullptr}};
}

Json consumer(const std::string& name, int running) {
  return {{"name", name},   {"slots", 4},          {"running", running},        {"draining", false},
          {"heard_ms", 10}, {"pool", "processes"}, {"queues", {"default", "b"}}};
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

std::size_t index_of(const std::vector<std::string>& lines, const std::string& begin) {
  return static_cast<std::size_t>(
      std::find_if(lines.begin(), lines.end(), [&](const std::string& line) { return line.starts_with(begin); }) -
      lines.begin());
}

}  // namespace

TEST_CASE("top shows totals, the largest queues and the busiest consumers first") {
  Json paused = queue("paused", 5);
  paused["paused"] = true;
  paused["reason"] = "the disk is full";
  const Json queues = {queue("small", 1), paused, queue("large", 1'000)};
  const Json consumers = {consumer("idle", 0), consumer("busy", 4)};
  const auto lines = lines_of(top_text({kBroker, queues, consumers}, "tcp://b:5555", std::nullopt));
  CHECK(lines[0] == "zebu 1.2.3 at tcp://b:5555, store sqlite, up 1 min, 2 clients, 1 consumers");
  CHECK(lines[1] == "1,006 queued  3 scheduled  6 running  9 failed  4.5/s in  6.0/s out  8 slots");
  CHECK(index_of(lines, "large") < index_of(lines, "paused"));
  CHECK(index_of(lines, "paused") < index_of(lines, "small"));
  CHECK(index_of(lines, "small") < index_of(lines, "busy"));
  CHECK(index_of(lines, "busy") < index_of(lines, "idle"));
  CHECK(lines[index_of(lines, "paused")].ends_with("  the disk is full"));
  CHECK(lines[index_of(lines, "idle")].ends_with("default,b"));
}

TEST_CASE("top fits every terminal, and says what is missing") {
  Json queues = Json::array();
  Json consumers = Json::array();
  for (int i = 0; i < 50; ++i) queues.push_back(queue("queue-" + std::to_string(i), i));
  for (int i = 0; i < 30; ++i) consumers.push_back(consumer("consumer-" + std::to_string(i), i));
  for (const std::size_t rows : {1U, 2U, 3U, 4U, 5U, 8U, 24U, 60U, 200U}) {
    for (const std::size_t columns : {1U, 10U, 80U, 200U}) {
      INFO(columns << " x " << rows);
      const auto lines = lines_of(top_text({kBroker, queues, consumers}, "tcp://b:5555", TerminalSize{columns, rows}));
      CHECK(lines.size() <= rows);
      for (const std::string& line : lines) CHECK(width_of(line) <= columns + (line.starts_with('\t') ? 1 : 0));
    }
  }
  const auto lines = lines_of(top_text({kBroker, queues, consumers}, "tcp://b:5555", TerminalSize{80, 24}));
  CHECK(lines.size() == 24);
  CHECK(index_of(lines, "… ") < index_of(lines, "\tCONSUMER"));
  CHECK(lines.back().starts_with("… "));
  const auto small = lines_of(top_text({kBroker, queues, Json::array()}, "tcp://b:5555", TerminalSize{80, 24}));
  CHECK(small.size() == 24);
  CHECK(small.back() == "\tCONSUMER  SLOTS  RUNNING  STATE  HEARD  POOL  QUEUES");
}

TEST_CASE("a name cannot write to the terminal") {
  const Json queues = {queue("a\x1b[2J", 1)};
  const std::string text = top_text({kBroker, queues, Json::array()}, "tcp://b\x1b", TerminalSize{80, 24});
  CHECK(text.find('\x1b') == std::string::npos);
}
