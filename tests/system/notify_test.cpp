#include "tests/support/catch.h"
#include "tests/support/document.h"
#include "tests/support/lone_broker.h"
#include "tests/support/notify_socket.h"
#include "tests/support/stack.h"

#include <csignal>
#include <fstream>
#include <iterator>

// What the real programs tell systemd.
using namespace std::chrono_literals;
using namespace zebu::test;

namespace {

struct Watched {
  explicit Watched(std::vector<std::string> command)
      : process(ProcessOptions{.command = std::move(command),
                               .environment = {{"NOTIFY_SOCKET", socket.address()}, {"WATCHDOG_USEC", "1000000"}}}) {}
  NotifySocket socket;
  Process process;
};

std::vector<std::string> command_of(const std::string& name, const LoneBroker& broker) {
  if (name == "zebu-broker") return LoneBroker::command({});
  if (name == "zebu-consumer") return {program(name), "--broker", broker.consumers};
  return {program(name), "--broker", broker.clients, "--listen", "127.0.0.1:0"};
}

}  // namespace

TEST_CASE("each program says when it is ready, what it does, that it lives, and that it stops") {
  const LoneBroker broker;
  for (const std::string name : {"zebu-broker", "zebu-consumer", "zebu-webfront"}) {
    INFO(name);
    Watched watched(command_of(name, broker));
    watched.socket.read_until("READY=1");
    watched.process.wait_for_line(name + " ready");
    // The first one may be from before it had a broker.
    std::string status = watched.socket.read_until("STATUS=");
    if (name != "zebu-broker" && status.find("without") != std::string::npos) {
      status = watched.socket.read_until("STATUS=");
    }
    INFO(status);
    if (name == "zebu-broker") CHECK(status.find("0 running, 0 queued") != std::string::npos);
    if (name != "zebu-broker") CHECK(status.find("connected to tcp://") != std::string::npos);
    watched.socket.read_until("WATCHDOG=1");
    watched.process.signal(SIGTERM);
    watched.socket.read_until("STOPPING=1");
    CHECK(watched.process.wait_exit().code == 0);
  }
}

TEST_CASE("a program that stands still says nothing to the watchdog, and goes on when it goes on") {
  const LoneBroker broker;
  for (const std::string name : {"zebu-broker", "zebu-consumer", "zebu-webfront"}) {
    INFO(name);
    Watched watched(command_of(name, broker));
    watched.socket.read_until("WATCHDOG=1");
    watched.process.signal(SIGSTOP);
    // What it said before it stood still.
    while (!watched.socket.read(500ms).empty()) {
    }
    CHECK(watched.socket.read(1500ms).empty());
    watched.process.signal(SIGCONT);
    watched.socket.read_until("WATCHDOG=1");
  }
}

TEST_CASE("a consumer without a broker is not ready at once, but nobody waits for another machine") {
  Watched watched({program("zebu-consumer"), "--broker", "tcp://127.0.0.1:1"});
  const auto began = std::chrono::steady_clock::now();
  watched.socket.read_until("READY=1", 60s);
  CHECK(std::chrono::steady_clock::now() - began >= 4s);
  watched.socket.read_until("WATCHDOG=1");
  CHECK(watched.process.out().empty());
}

TEST_CASE("slots do not inherit the socket of the service manager") {
  const LoneBroker broker;
  Watched watched({program("zebu-consumer"), "--broker", broker.consumers});
  watched.process.wait_for_line("zebu-consumer ready");
  const auto children = children_of(watched.process.pid());
  REQUIRE_FALSE(children.empty());
  std::ifstream file("/proc/" + std::to_string(children.front()) + "/environ");
  const std::string environment((std::istreambuf_iterator<char>(file)), {});
  CHECK_FALSE(environment.empty());
  CHECK(environment.find("NOTIFY_SOCKET") == std::string::npos);
  CHECK(environment.find("WATCHDOG_USEC") == std::string::npos);
}

TEST_CASE("where the journal reads its stderr, a program writes priorities and leaves times to it") {
  const TempDir folder;
  const std::string log = (folder.path() / "log").string();
  const Finished failed =
      run({.command = {
               "sh", "-c",
               "exec 2>\"$1\"; JOURNAL_STREAM=$(stat -L -c %d:%i \"$1\") exec \"$0\" --no-auth --listen 203.0.113.1:1",
               program("zebu-webfront"), log}});
  CHECK(failed.exit.code == 1);
  std::ifstream file(log);
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  CHECK(text.starts_with("<3>error: cannot listen on 203.0.113.1:1"));
}

TEST_CASE("the units of the package wait for READY, have a watchdog, and do not repeat what is in vain") {
  for (const std::string name : {"broker", "consumer", "webfront"}) {
    const std::string unit = read_document("packaging/systemd/zebu-" + name + ".service");
    CHECK(unit.find("\nType=notify\n") != std::string::npos);
    CHECK(unit.find("\nWatchdogSec=30s\n") != std::string::npos);
    CHECK(unit.find("\nRestartPreventExitStatus=2" + std::string(name == "broker" ? " 74" : "") + "\n") !=
          std::string::npos);
  }
}
