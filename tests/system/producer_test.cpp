#include "tests/support/catch.h"
#include "tests/support/eventually.h"
#include "tests/support/json_lines.h"
#include "tests/support/paths.h"
#include "tests/support/stack.h"
#include "tests/support/temp_dir.h"
#include "tests/support/text.h"

#include <nlohmann/json.hpp>
#include <sys/stat.h>

#include <algorithm>
#include <csignal>
#include <fstream>

using namespace zebu::test;
using namespace std::chrono_literals;
using Json = nlohmann::json;

namespace {

StackOptions with(std::vector<std::string> consumer) {
  StackOptions options;
  options.consumer = std::move(consumer);
  options.with_webfront = false;
  return options;
}

std::string numbers(int count, int value) {
  std::string text;
  for (int i = 0; i < count; ++i) text += std::to_string(value) + '\n';
  return text;
}

}  // namespace

TEST_CASE("submit --wait prints the result") {
  const Stack stack(with({"--slots", "2", "--test-tasks"}));
  const Finished fib = stack.produce({"submit", "fib", "20", "--wait"});
  CHECK(fib.exit.code == 0);
  CHECK(fib.out == "6765\n");

  const Finished echo = stack.produce({"submit", "echo", "[1,\"x\"]", "--wait", "--output", "json"});
  const auto lines = json_lines(echo.out);
  REQUIRE(lines.size() == 1);
  CHECK(lines[0]["state"] == "succeeded");
  CHECK(lines[0]["result"] == Json::parse("[1,\"x\"]"));

  const Finished failed = stack.produce({"submit", "fail", "boom", "--wait"});
  CHECK(failed.exit.code == 1);
  CHECK(failed.out.empty());
  CHECK(failed.err.find("std::runtime_error: boom") != std::string::npos);
#ifndef ZEBU_SANITIZED  // sanitizers have their own eye on throws
  CHECK(failed.err.find("\n  at ") != std::string::npos);
#endif
}

TEST_CASE("submit --count --wait sums up") {
  const Stack stack(with({"--slots", "2"}));
  const Finished done = stack.produce({"submit", "echo", "x", "--count", "5000", "--wait", "--output", "json"});
  CHECK(done.exit.code == 0);
  const auto lines = json_lines(done.out);
  REQUIRE(lines.size() == 1);
  CHECK(lines[0]["jobs"] == 5000);
  CHECK(lines[0]["succeeded"] == 5000);
}

TEST_CASE("a job is followed by its id: submit, status, wait") {
  const Stack stack(with({"--slots", "1"}));
  const std::string id = first_line(stack.produce({"submit", "echo", "hello"}).out);
  CHECK(stack.produce({"wait", id}).out == "hello\n");
  const Finished status = stack.produce({"status", id, "--output", "json"});
  CHECK(status.exit.code == 0);
  const auto lines = json_lines(status.out);
  REQUIRE(lines.size() == 1);
  CHECK(lines[0]["id"] == id);
  CHECK(lines[0]["state"] == "succeeded");
  CHECK(lines[0]["result"] == "hello");
  const Finished unknown = stack.produce({"status", "0192f3a4-0000-7000-8000-000000000000"});
  CHECK(unknown.exit.code == 1);
  CHECK(unknown.out.find("unknown") != std::string::npos);
}

TEST_CASE("a job that the broker does not know is unknown to status, wait and cancel") {
  const Stack stack(with({"--slots", "1"}));
  const std::string id = "0192f3a4-0000-7000-8000-000000000000";
  for (const std::string command : {"status", "wait", "cancel"}) {
    INFO(command);
    const Finished unknown = stack.produce({command, id, "--output", "json"});
    CHECK(unknown.exit.code == 1);
    const auto lines = json_lines(unknown.out);
    REQUIRE(lines.size() == 1);
    CHECK(lines[0]["id"] == id);
    CHECK(lines[0]["state"] == "unknown");
    CHECK((command == "status" || lines[0]["error"]["type"] == "unknown_job"));
  }
}

TEST_CASE("cancel ends a queued and a running job") {
  const Stack stack(with({"--slots", "1"}));
  const std::string running = first_line(stack.produce({"submit", "sleep", "60000"}).out);
  REQUIRE(eventually([&] { return stack.produce({"status", running}).out.find("running") != std::string::npos; }));
  const std::string queued = first_line(stack.produce({"submit", "sleep", "60000"}).out);
  const Finished cancelled = stack.produce({"cancel", queued, running});
  CHECK(cancelled.exit.code == 0);
  CHECK(cancelled.out == queued + "  cancelled\n" + running + "  cancelled\n");
}

TEST_CASE("a wait whose timeout passes says that the job goes on") {
  const Stack stack(with({"--slots", "1"}));
  const Finished late = stack.produce({"submit", "sleep", "60000", "--wait", "--timeout", "200ms"});
  CHECK(late.exit.code == 1);
  CHECK(late.err.find("it continues: zebu-producer wait ") != std::string::npos);
}

TEST_CASE("queues, consumers and ping answer as JSON and as tables") {
  const Stack stack(with({"--slots", "3"}));
  const Json queues = Json::parse(stack.produce({"queues", "--output", "json"}).out);
  REQUIRE(queues.size() == 1);
  CHECK(queues[0]["name"] == "default");
  const Json consumers = Json::parse(stack.produce({"--output", "json", "consumers"}).out);
  REQUIRE(consumers.size() == 1);
  CHECK(consumers[0]["name"] == "consumer-0");
  CHECK(consumers[0]["slots"] == 3);
  CHECK(
      Json::parse(stack.produce({"ping", "--output", "json"}).out)["store"].get<std::string>().starts_with("sqlite:"));
  CHECK(stack.produce({"consumers"}).out.starts_with("CONSUMER"));
  CHECK(stack.produce({"queues"}).out.starts_with("QUEUE"));
  CHECK(stack.produce({"ping"}).out.starts_with("the broker at tcp://"));
}

TEST_CASE("queues says why jobs wait: no consumer serves the queue, or none knows the task") {
  const Stack stack(with({}));
  // Nobody serves the queue yet, so the broker cannot know that the task will be unknown.
  REQUIRE(stack.produce({"submit", "--queue", "reports", "nosuch"}).exit.code == 0);
  CHECK(stack.produce({"queues"}).out.find("queue 'reports': no consumer serves it\n") != std::string::npos);
  Process consumer(
      ProcessOptions{.command = {program("zebu-consumer"), "--broker", stack.consumers(), "--queues", "reports"}});
  static_cast<void>(consumer.wait_for_line("zebu-consumer ready "));
  CHECK(stack.produce({"queues"})
            .out.find("queue 'reports': none of its consumers knows task 'nosuch', so those jobs wait\n") !=
        std::string::npos);
  // Others in the queue do not wait behind it.
  CHECK(stack.produce({"submit", "--queue", "reports", "fib", "10", "--wait"}).out.find("55") != std::string::npos);
}

TEST_CASE("map writes one line for each input line, failed and malformed ones too") {
  const Stack stack(with({"--slots", "2"}));
  const TempDir dir;
  const std::string input = dir.write("in.jsonl", "[20]\n21\n\nnope\n[-1]\n[1,2]");
  const std::string output = dir.path() / "out.jsonl";
  const Finished map = stack.produce({"map", "fib", "--input", input, "--output", output});
  CHECK(map.exit.code == 1);
  auto lines = json_lines(dir.read("out.jsonl"));
  REQUIRE(lines.size() == 5);
  const auto of = [&](const Json& wanted) {
    return *std::find_if(lines.begin(), lines.end(), [&](const Json& line) { return line["input"] == wanted; });
  };
  CHECK(of(Json::parse("[20]"))["result"] == 6765);
  CHECK(of(21)["result"] == 10946);
  CHECK(of("nope")["state"] == "failed");
  CHECK(of("nope")["line"] == 4);
  CHECK(of(Json::parse("[-1]"))["error"]["type"] == "zebu::BadArguments");
  CHECK(of(Json::parse("[1,2]"))["state"] == "failed");
}

TEST_CASE("map keeps at most its window in flight and loses no line") {
  const Stack stack(with({"--slots", "2"}));
  const TempDir dir;
  ProcessOptions options;
  options.input_file = dir.write("in.jsonl", numbers(300, 5));
  options.command = {program("zebu-producer"), "--broker", stack.clients(), "map", "sleep", "--window", "3"};
  Process map(options);
  std::uint64_t most = 0;
  REQUIRE(eventually(
      [&] {
        const auto queues = Json::parse(stack.produce({"queues", "--output", "json"}).out);
        for (const Json& queue : queues) {
          most = std::max(most, queue["queued"].get<std::uint64_t>() + queue["running"].get<std::uint64_t>());
        }
        return !map.is_running();
      },
      20s));
  CHECK(map.wait_exit().code == 0);
  CHECK(most <= 3);
  CHECK(json_lines(map.out()).size() == 300);
}

TEST_CASE("map goes on where a queue is full") {
  StackOptions options = with({"--slots", "2"});
  options.broker = {"--queue-limit", "10"};
  const Stack stack(options);
  const TempDir dir;
  ProcessOptions map;
  map.input_file = dir.write("in.jsonl", numbers(500, 1));
  map.command = {program("zebu-producer"), "--broker", stack.clients(), "map", "echo"};
  const Finished done = run(map);
  CHECK(done.exit.code == 0);
  CHECK(json_lines(done.out).size() == 500);
}

TEST_CASE("Ctrl-C ends map with whole lines, and cancels the jobs in flight") {
  const Stack stack(with({"--slots", "2"}));
  const TempDir dir;
  const std::string input = dir.write("in.jsonl", numbers(100'000, 20));
  const std::string output = dir.path() / "out.jsonl";
  Process map = stack.start_producer({"map", "sleep", "--input", input, "--output", output});
  REQUIRE(eventually([&] { return std::ifstream(output).peek() != std::ifstream::traits_type::eof(); }));
  map.signal(SIGINT);
  CHECK(map.wait_exit().signal == SIGINT);
  const auto lines = json_lines(dir.read("out.jsonl"));
  CHECK_FALSE(lines.empty());
  const std::string counted = lines.size() == 1 ? "1 line is" : std::to_string(lines.size()) + " lines are";
  CHECK(map.err().find("stopped: " + counted + " done and written") != std::string::npos);
  CHECK(eventually([&] {
    const auto queues = Json::parse(stack.produce({"queues", "--output", "json"}).out);
    return queues[0]["queued"] == 0 && queues[0]["running"] == 0;
  }));
}

TEST_CASE("Ctrl-C ends map while it waits for somebody who reads its output") {
  const Stack stack(with({"--slots", "1"}));
  const TempDir dir;
  const std::string pipe = dir.path() / "out";
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  Process map = stack.start_producer({"map", "echo", "--input", dir.write("in", numbers(10, 1)), "--output", pipe});
  REQUIRE(eventually([&] {
    map.signal(SIGINT);
    return !map.is_running();
  }));
  CHECK(map.wait_exit().signal == SIGINT);
}

TEST_CASE("Ctrl-C says so when map's cancels do not reach the broker") {
  Stack stack(with({"--slots", "1"}));
  const TempDir dir;
  const std::string input = dir.write("in.jsonl", numbers(100, 3'600'000));
  Process map = stack.start_producer({"map", "sleep", "--input", input});
  CHECK(eventually([&] { return Json::parse(stack.produce({"queues", "--output", "json"}).out)[0]["queued"] == 99; }));
  stack.broker().signal(SIGSTOP);
  map.signal(SIGINT);
  CHECK(map.wait_exit().signal == SIGINT);
  stack.broker().signal(SIGCONT);
  CHECK(map.err().find("100 jobs in flight may continue (cannot cancel them: ") != std::string::npos);
}

TEST_CASE("a full disk and a broken pipe end map") {
  const Stack stack(with({"--slots", "1"}));
  const TempDir dir;
  const std::string input = dir.write("in.jsonl", numbers(100, 1));
  const Finished full = stack.produce({"map", "echo", "--input", input, "--output", "/dev/full"});
  CHECK(full.exit.code == 1);
  CHECK(full.err.find("No space left on device") != std::string::npos);
  const std::string producer = program("zebu-producer") + " --broker " + stack.clients();
  const Finished pipe =
      run({.command = {"bash", "-c", producer + " map echo --input " + input + " | true; exit ${PIPESTATUS[0]}"}});
  CHECK(pipe.exit.code == 141);
  CHECK(pipe.err.empty());
}

TEST_CASE("without a broker every command says so and ends in time") {
  for (const std::string command : {"ping", "queues", "consumers"}) {
    const Finished away = run(
        {.command = {program("zebu-producer"), "--broker", "tcp://127.0.0.1:1", "--connect-timeout", "2s", command}});
    CHECK(away.exit.code == 1);
    CHECK(away.out.empty());
    CHECK(away.err ==
          "zebu-producer: no broker answers at tcp://127.0.0.1:1 (waited 2000 ms): the connection to 127.0.0.1:1 is "
          "refused: no program listens there. Start one with zebu-broker, or give its endpoint with --broker\n");
  }
}

TEST_CASE("wrong usage is exit code 2") {
  const std::vector<std::vector<std::string>> wrong = {{},
                                                       {"submit"},
                                                       {"submit", "fib", "--nope"},
                                                       {"submit", "fib", "1", "--json", "[1]"},
                                                       {"submit", "fib", "--json", "1"},
                                                       {"status", "1"},
                                                       {"map", "fib", "--window", "0"}};
  for (const auto& arguments : wrong) {
    std::vector<std::string> command = {program("zebu-producer")};
    command.insert(command.end(), arguments.begin(), arguments.end());
    CHECK(run({.command = command}).exit.code == 2);
  }
}
