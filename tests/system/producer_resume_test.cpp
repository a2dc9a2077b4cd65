#include "tests/support/catch.h"
#include "tests/support/eventually.h"
#include "tests/support/stack.h"
#include "tests/support/temp_dir.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

using namespace zebu::test;
using namespace std::chrono_literals;
using Json = nlohmann::json;

namespace {

// Some of them equal.
std::string numbers(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += std::to_string(i % 97) + '\n';
  return text;
}

using Counts = std::map<std::string, int>;

Counts inputs(const std::string& text) {
  Counts counts;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) ++counts[line];
  return counts;
}

Counts outputs(const std::string& text) {
  Counts counts;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) ++counts[Json::parse(line)["input"].dump()];
  return counts;
}

std::uint64_t accepted(const Stack& stack) {
  return Json::parse(stack.produce({"ping", "--output", "json"}).out)["totals"]["accepted"];
}

bool has_lines(const std::string& file, std::uintmax_t more_than) {
  std::error_code none;
  const auto size = std::filesystem::file_size(file, none);
  return !none && size > more_than;
}

}  // namespace

TEST_CASE("a map that is killed again and again runs each line once") {
  const Stack stack(two_slots(false));
  const TempDir dir;
  const std::string input = dir.write("in", numbers(20'000));
  const std::string output = dir.path() / "out";
  const std::vector<std::string> map = {"map",  "echo",     "--input",  input, "--output",
                                        output, "--resume", "--window", "500"};
  for (int round = 0; round < 3; ++round) {
    std::error_code none;
    const auto before = std::filesystem::exists(output) ? std::filesystem::file_size(output, none) : 0;
    Process killed = stack.start_producer(map);
    REQUIRE(eventually([&] { return has_lines(output, before) || !killed.is_running(); }, 10s));
    killed.signal(SIGKILL);
    killed.wait_exit();
    std::ofstream(output, std::ios::app) << R"({"input":5,"st)";
  }
  CHECK(std::filesystem::exists(output + ".run"));
  const Finished done = stack.produce(map);
  INFO(done.err);
  CHECK(done.exit.code == 0);
  CHECK(outputs(dir.read("out")) == inputs(dir.read("in")));
  CHECK(accepted(stack) == 20'000);
  CHECK_FALSE(std::filesystem::exists(output + ".run"));
  // A further run finds nothing to do.
  const Finished again = stack.produce(map);
  CHECK(again.exit.code == 0);
  CHECK(again.err.find("0 done") != std::string::npos);
  CHECK(again.err.find("20,000 already in the output") != std::string::npos);
}

TEST_CASE("Ctrl-C names --resume, which goes on without what is done") {
  const Stack stack(two_slots(false));
  const TempDir dir;
  const std::string input = dir.write("in", numbers(3'000));
  const std::string output = dir.path() / "out";
  const std::vector<std::string> map = {"map", "sleep", "--input", input, "--output", output, "--window", "100"};
  Process stopped = stack.start_producer(map);
  REQUIRE(eventually([&] { return has_lines(output, 0); }));
  stopped.signal(SIGINT);
  CHECK(stopped.wait_exit().signal == SIGINT);
  CHECK(stopped.err().find("run the same command with --resume to continue") != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(output + ".run"));

  const Finished refused = stack.produce(map);
  CHECK(refused.exit.code == 2);
  CHECK(refused.err.find("has lines already") != std::string::npos);

  const std::string rest = dir.write("in", numbers(200));
  std::vector<std::string> resume = map;
  resume.push_back("--resume");
  const Finished done = stack.produce(resume);
  INFO(done.err);
  CHECK(done.exit.code == 0);
  const Counts wanted = inputs(dir.read("in"));
  const Counts got = outputs(dir.read("out"));
  CHECK(std::all_of(wanted.begin(), wanted.end(), [&](const auto& line) {
    const auto found = got.find(line.first);
    return found != got.end() && found->second >= line.second;
  }));
}

TEST_CASE("failed lines are done until --retry-failed") {
  const Stack stack(two_slots(false));
  const TempDir dir;
  const std::string input = dir.write("in", "20\n-1\nnope\n");
  const std::string output = dir.path() / "out";
  std::vector<std::string> map = {"map", "fib", "--input", input, "--output", output, "--resume"};
  CHECK(stack.produce(map).exit.code == 1);
  const std::uint64_t first = accepted(stack);
  CHECK(first == 2);
  const Finished again = stack.produce(map);
  CHECK(again.exit.code == 1);
  CHECK(again.err.find("2 lines of the output did not succeed in an earlier run") != std::string::npos);
  CHECK(accepted(stack) == first);
  map.emplace_back("--retry-failed");
  CHECK(stack.produce(map).exit.code == 1);
  CHECK(accepted(stack) == first + 1);
  CHECK(outputs(dir.read("out")) == Counts{{"20", 1}, {"-1", 1}, {"\"nope\"", 1}});
}

TEST_CASE("Ctrl-C leaves jobs with unique keys to others, and --resume finds them") {
  const Stack stack(two_slots(false));
  const TempDir dir;
  const std::string input = dir.write("in", "300\n301\n302\n303\n");
  const std::string output = dir.path() / "out";
  std::vector<std::string> map = {"map", "sleep", "--input", input, "--output", output, "--unique-by-args"};
  Process stopped = stack.start_producer(map);
  REQUIRE(eventually([&] { return has_lines(output, 0); }));
  stopped.signal(SIGINT);
  CHECK(stopped.wait_exit().signal == SIGINT);
  CHECK(stopped.err().find("continue, because others may wait") != std::string::npos);
  map.emplace_back("--resume");
  const Finished done = stack.produce(map);
  INFO(done.err);
  CHECK(done.exit.code == 0);
  CHECK(outputs(dir.read("out")) == inputs(dir.read("in")));
  CHECK(accepted(stack) == 4);
}
