#include "tests/support/catch.h"
#include "tests/support/fake_broker.h"
#include "tests/support/paths.h"
#include "tests/support/pty.h"
#include "tests/support/stack.h"

#include <nlohmann/json.hpp>

#include <csignal>

using namespace zebu::test;
using namespace std::chrono_literals;
using Json = nlohmann::json;

namespace {

StackOptions two_plain_slots() {
  StackOptions options;
  options.consumer = {"--slots", "2"};
  options.with_webfront = false;
  return options;
}

std::vector<std::string> producer(const Stack& stack, const std::vector<std::string>& arguments) {
  std::vector<std::string> command = {program("zebu-producer"), "--broker", stack.clients()};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return command;
}

// What FullScreen leaves behind: a cursor, and the screen that was there before.
constexpr const char* kLeave = "\x1b[?25h\x1b[?1049l";

}  // namespace

TEST_CASE("top shows what happens, and gives the terminal back however it ends") {
  const Stack stack(two_plain_slots());
  const auto ends_with = [&](const std::string& keys, int signal, ExitStatus expected) {
    // A shell lets what it runs in the background ignore SIGQUIT.
    std::vector<std::string> command = {"env", "--default-signal=QUIT"};
    for (std::string& word : producer(stack, {"top", "--interval", "50ms"})) command.push_back(std::move(word));
    PtyProcess top(command, 100, 30);
    top.wait_for("consumer-0");
    CHECK_FALSE(top.is_restored());
    if (!keys.empty()) top.type(keys);
    if (signal != 0) top.signal(signal);
    CHECK(top.wait_exit() == expected);
    CHECK(top.is_restored());
    CHECK(top.screen().find(kLeave) != std::string::npos);
  };
  ends_with("q", 0, {0, {}});
  ends_with("\x03", 0, {{}, SIGINT});
  for (const int signal : {SIGTERM, SIGHUP, SIGQUIT}) ends_with("", signal, {{}, signal});
}

TEST_CASE("top follows the terminal's size and the broker's absence") {
  Stack stack(two_plain_slots());
  PtyProcess top(producer(stack, {"top", "--interval", "50ms"}), 100, 30);
  top.wait_for("CONSUMERS  PAUSED");
  top.resize(40, 30);
  top.wait_for("FAILED  OLDEST");
  top.resize(100, 30);
  top.wait_for("CONSUMERS  PAUSED");
  stack.kill_broker();
  top.wait_for("is away");
  stack.start_broker();
  top.wait_for("CONSUMERS  PAUSED", 20s);
  top.type("q");
  CHECK(top.wait_exit().code == 0);
}

TEST_CASE("top opens a queue and its jobs by the keyboard") {
  const Stack stack(two_plain_slots());
  stack.produce({"submit", "sleep", "60000"});
  PtyProcess top(producer(stack, {"top", "--interval", "50ms"}), 100, 30);
  top.wait_for("consumer-0");
  top.type("h");
  top.wait_for("choose a line");
  top.type("h\r");
  top.wait_for("queue default: running jobs");
  top.wait_for("sleep");
  top.type("\x1b[C");
  top.wait_for("args       [60000]");
  top.type("\x1b");
  top.wait_for("queue default: running jobs");
  top.type("f");
  top.wait_for("queue default: failed jobs");
  top.type("q");
  CHECK(top.wait_exit().code == 0);
}

TEST_CASE("Ctrl-C ends top, map and submit --wait at once while no broker answers") {
  for (const std::vector<std::string>& rest :
       {std::vector<std::string>{"top"}, {"map", "echo", "--input", "/dev/null"}, {"submit", "echo", "--wait"}}) {
    INFO(rest.front());
    FakeBroker broker;
    std::vector<std::string> command = {program("zebu-producer"), "--broker", broker.endpoint(), "--connect-timeout",
                                        "1h"};
    command.insert(command.end(), rest.begin(), rest.end());
    PtyProcess waiting(command, 80, 24);
    static_cast<void>(broker.hear_a<zebu::message::Hello>());  // and says nothing
    waiting.type("\x03");
    CHECK(waiting.wait_exit(5s).signal == SIGINT);
  }
}

TEST_CASE("Ctrl-C ends top at once while the broker stands still, and it says that the broker is away") {
  Stack stack(two_plain_slots());
  PtyProcess top(producer(stack, {"top", "--interval", "50ms"}), 100, 30);
  top.wait_for("consumer-0");
  stack.broker().signal(SIGSTOP);
  top.wait_for("is away");
  top.type("\x03");
  CHECK(top.wait_exit(5s).signal == SIGINT);
  CHECK(top.is_restored());
  stack.broker().signal(SIGCONT);
}

TEST_CASE("top on a terminal that cannot move its cursor is one look") {
  const Stack stack(two_plain_slots());
  PtyProcess top({"env", "TERM=dumb", program("zebu-producer"), "--broker", stack.clients(), "top"}, 100, 30);
  top.wait_for("consumer-0");
  CHECK(top.wait_exit().code == 0);
  CHECK(top.screen().find('\x1b') == std::string::npos);
}

TEST_CASE("top without a terminal is one look") {
  const Stack stack(two_plain_slots());
  const Finished text = stack.produce({"top"});
  CHECK(text.exit.code == 0);
  CHECK(text.out.find("consumer-0") != std::string::npos);
  CHECK(text.out.find('\x1b') == std::string::npos);
  const Json look = Json::parse(stack.produce({"top", "--output", "json"}).out);
  CHECK(look["queues"][0]["name"] == "default");
  CHECK(look["consumers"][0]["name"] == "consumer-0");
  CHECK(look["broker"].contains("version"));
}

TEST_CASE("purge asks at a terminal, and does nothing without a yes") {
  const Stack stack(two_plain_slots());
  stack.produce({"submit", "echo", "1", "--queue", "idle", "--count", "3"});
  PtyProcess no(producer(stack, {"purge", "idle"}), 100, 30);
  no.wait_for("cancel 3 queued and 0 scheduled jobs of queue idle? [y/N]");
  no.type("\n");
  CHECK(no.wait_exit().code == 1);
  CHECK(Json::parse(stack.produce({"top", "--output", "json"}).out)["broker"]["jobs"]["queued"] == 3);
  PtyProcess yes(producer(stack, {"purge", "idle"}), 100, 30);
  yes.wait_for("[y/N]");
  yes.type("y\n");
  CHECK(yes.wait_exit().code == 0);
  CHECK(Json::parse(stack.produce({"top", "--output", "json"}).out)["broker"]["jobs"]["queued"] == 0);
}

TEST_CASE("a terminal sees a job's progress and partial output, and its stdout only the result") {
  const Stack stack(two_plain_slots());
  PtyProcess submit(producer(stack, {"submit", "progress", "4", "50", "--wait"}), 100, 30);
  submit.wait_for("zebu-producer: job 0");  // its id, before all else
  submit.wait_for("step 1 took 50 ms");
  submit.wait_for(" of 4");  // reports that come together are one
  submit.wait_for("step 4 took 50 ms");
  submit.wait_for("4\r\n");
  CHECK(submit.wait_exit().code == 0);

  const Finished piped = stack.produce({"submit", "progress", "2", "1", "--wait"});
  CHECK(piped.out == "2\n");
  CHECK(piped.err.empty());
}
