#include "tests/support/catch.h"
#include "tests/support/consumer_yard.h"
#include "tests/support/lone_broker.h"
#include "tests/support/stack.h"
#include "tests/support/temp_dir.h"

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

// The tables of *Signals* in docs/operations.md.
using namespace std::chrono_literals;
using namespace zebu;
using namespace zebu::test;

namespace {

// A program that has no broker yet, or is one.
Process start(const std::string& name, const std::vector<std::string>& before = {}) {
  std::vector<std::string> command = before;
  if (name == "zebu-broker") {
    const auto broker = LoneBroker::command({});
    command.insert(command.end(), broker.begin(), broker.end());
  } else if (name == "zebu-webfront") {
    command.insert(command.end(), {program(name), "--broker", "tcp://127.0.0.1:1", "--listen", "127.0.0.1:0"});
  } else {
    command.insert(command.end(), {program(name), "--broker", "tcp://127.0.0.1:1"});
  }
  Process process(command);
  if (name == "zebu-consumer") {
    process.wait_for_error_line("looking for the broker");
  } else {
    process.wait_for_line(name + " ready");
  }
  return process;
}

const std::vector<std::string> kDaemons = {"zebu-broker", "zebu-consumer", "zebu-webfront"};

// Whether /proc says that a program is stopped.
bool is_stopped(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  std::getline(file, text);
  return text.substr(text.rfind(')') + 2, 1) == "T";
}

}  // namespace

TEST_CASE("SIGHUP, SIGTERM and SIGINT stop every program, with exit code 0") {
  for (const std::string& name : kDaemons) {
    for (const int signal : {SIGHUP, SIGTERM, SIGINT}) {
      INFO(name << " " << signal);
      Process process = start(name);
      process.signal(signal);
      process.wait_for_error_line(std::string("stopping: SIG") + ::sigabbrev_np(signal));
      CHECK(process.wait_exit().code == 0);
    }
  }
}

TEST_CASE("a program that nohup has started does not hear SIGHUP") {
  for (const std::string& name : kDaemons) {
    INFO(name);
    // As nohup does: it ignores SIGHUP and runs the program.
    Process process = start(name, {"sh", "-c", "trap '' HUP; exec \"$@\"", "nohup"});
    process.signal(SIGHUP);
    process.signal(SIGTERM);
    process.wait_for_error_line("stopping: SIGTERM");
    CHECK(process.wait_exit().code == 0);
    CHECK(process.err().find("SIGHUP") == std::string::npos);
  }
}

TEST_CASE("SIGUSR1, SIGUSR2 and SIGPIPE do nothing, and SIGQUIT ends a program at once") {
  for (const std::string& name : kDaemons) {
    INFO(name);
    Process process = start(name);
    for (const int signal : {SIGUSR1, SIGUSR2, SIGPIPE}) process.signal(signal);
    CHECK(process.is_running());
    process.signal(SIGQUIT);
    CHECK(process.wait_exit().signal == SIGQUIT);
    CHECK(process.err().find("stopping") == std::string::npos);
  }
}

TEST_CASE("a broker and a consumer that stand still for a while (SIGTSTP) go on after SIGCONT, and lose no job") {
  StackOptions options;
  options.broker = {"--liveness", "2s", "--log-level", "debug"};
  options.consumer = {"--slots", "1", "--log-level", "debug"};
  options.with_webfront = false;
  Stack stack(options);
  Process producer = stack.start_producer({"submit", "sleep", "3000", "--wait"});
  stack.consumer(0).wait_for_error_line("[job_received");
  stack.broker().signal(SIGTSTP);
  CHECK(eventually([&] { return is_stopped(stack.broker().pid()); }));
  // Longer than the liveness: the consumer looks for it.
  stack.consumer(0).wait_for_error_line("lost the broker");
  stack.broker().signal(SIGCONT);
  CHECK(producer.wait_exit(60s).code == 0);
  CHECK(producer.out() == "3000\n");
  const std::string log = stack.broker().err();
  INFO(log);
  CHECK(log.find("[job_finished") != std::string::npos);
  CHECK(log.find("[job_put_back") == std::string::npos);
  CHECK(log.find("[consumer_lost") == std::string::npos);
}

TEST_CASE("a consumer that drains ends at once at a second SIGTERM, and not at a second SIGHUP") {
  ConsumerYard yard({"--slots", "1"});
  yard.broker.hear_until([&] { return yard.broker.credit > 0; });
  yard.broker.assign("deaf", zebu::pack_args(3'600'000));
  yard.broker.hear_until([&] { return !yard.broker.told.empty(); });
  yard.consumer.signal(SIGHUP);
  yard.consumer.wait_for_error_line("draining: ");
  yard.consumer.signal(SIGHUP);
  yard.broker.hear_until([&] { return yard.broker.has_drained; });
  CHECK(yard.consumer.is_running());
  yard.consumer.signal(SIGTERM);
  yard.consumer.wait_for_error_line("stopping at once");
  CHECK(yard.consumer.wait_exit().code == 1);
}

TEST_CASE("a front end that waits for its requests ends at once at a second SIGTERM, and not at a second SIGHUP") {
  StackOptions options;
  options.consumer = {"--slots", "1"};
  options.webfront = {"--grace", "60s"};
  Stack stack(options);
  std::thread client([&] {
    try {
      static_cast<void>(stack.post("/v1/jobs?wait=60", R"({"task":"sleep","args":[60000]})", {{"Prefer", "wait=60"}}));
    } catch (const std::exception&) {
      // The connection ends without an answer.
    }
  });
  CHECK(eventually([&] { return stack.produce({"queues"}).out.find("  1  ") != std::string::npos; }));
  stack.webfront().signal(SIGHUP);
  stack.webfront().wait_for_error_line("stopping: SIGHUP");
  stack.webfront().signal(SIGHUP);
  CHECK(stack.webfront().is_running());
  stack.webfront().signal(SIGTERM);
  CHECK(stack.webfront().wait_exit().signal == SIGTERM);
  client.join();
}

TEST_CASE("a broker that waits for its last commit ends at once at a second SIGTERM, and loses nothing it said") {
  const TempDir folder;
  const auto gate = folder.path() / "gate";  // the disk syncs while it is there
  std::ofstream(gate).flush();
  const char* asan = std::getenv("ASAN_OPTIONS");
  StackOptions options;
  options.environment = {{"LD_PRELOAD", program("slow_disk.so")},
                         {"ZEBU_SYNC_WHEN", gate},
                         {"ASAN_OPTIONS", std::string(asan == nullptr ? "" : asan) + ":verify_asan_link_order=0"}};
  options.broker = {"--log-level", "debug"};
  options.consumers = 0;
  options.with_webfront = false;
  Stack stack(options);
  CHECK(stack.produce({"submit", "echo", "1"}).exit.code == 0);
  std::filesystem::remove(gate);
  Process waits = stack.start_producer({"submit", "echo", "2"});
  const auto has_both = [&] {
    const std::string log = stack.broker().err();
    const std::size_t first = log.find("[job_accepted");
    return first != std::string::npos && log.find("[job_accepted", first + 1) != std::string::npos;
  };
  CHECK(eventually(has_both, 20s));
  stack.broker().signal(SIGTERM);
  stack.broker().wait_for_error_line("stopping: SIGTERM");
  stack.broker().signal(SIGTERM);
  CHECK(stack.broker().wait_exit().signal == SIGTERM);
  std::ofstream(gate).flush();
  stack.start_broker();
  const std::string listed = stack.produce({"--output", "json", "list"}).out;
  CHECK(listed.find("\"task\":\"echo\"") != std::string::npos);
}

TEST_CASE("map and top end at once when they are told to stop before they have a broker") {
  for (const std::string command : {"map", "top"}) {
    std::vector<std::string> words = {program("zebu-producer"), "--broker", "tcp://127.0.0.1:1",
                                      "--connect-timeout",      "60s",      command};
    if (command == "map") words.push_back("echo");
    Process process(words);
    // SIGINT is blocked from the start until it waits for its broker, and is not lost.
    CHECK(eventually([&] {
      process.signal(SIGINT);
      return !process.is_running();
    }));
    CHECK(process.wait_exit().signal == SIGINT);
  }
}
