#include "tests/support/conversation.h"

#include "tests/support/catch.h"
#include "tests/support/golden.h"
#include "tests/support/lone_broker.h"
#include "tests/support/paths.h"

#include <nlohmann/json.hpp>

// Our peers and a second implementation in Python, beside the golden files and beside each other.
using namespace zebu::test;

namespace {

std::vector<std::string> python(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"/usr/bin/python3", source("tests/python/peer.py")});
  return arguments;
}

Process our_peer(const PeerOf& peer, const std::string& endpoint) {
  if (peer.role == "consumer") {
    return Process(
        {program("zebu-consumer"), "--broker", endpoint, "--slots", "1", "--test-tasks", "--liveness", "3s"});
  }
  std::vector<std::string> command = {program("zebu-producer"), "--broker", endpoint, "submit", peer.task};
  for (const auto& argument : nlohmann::json::parse(peer.arguments)) command.push_back(argument.dump());
  command.emplace_back("--wait");
  return Process(std::move(command));
}

Process python_peer(const PeerOf& peer, const std::string& endpoint) {
  return Process(peer.role == "consumer" ? python({"consumer", endpoint})
                                         : python({"client", endpoint, peer.task, peer.arguments}));
}

}  // namespace

TEST_CASE("conversations: ours") {
  for (const auto& conversation : conversations()) {
    const PeerOf peer = peer_of(conversation);
    CHECK_NOTHROW(play(conversation, [&](const std::string& endpoint) { return our_peer(peer, endpoint); }));
  }
}

TEST_CASE("conversations: the Python peer") {
  for (const auto& conversation : conversations()) {
    const PeerOf peer = peer_of(conversation);
    CHECK_NOTHROW(play(conversation, [&](const std::string& endpoint) { return python_peer(peer, endpoint); }));
  }
}

TEST_CASE("the Python peer reads the golden frames as the file shows them, and writes the same bytes") {
  const Finished finished = run({.command = python({"golden", source("tests/golden/protocol.txt")})});
  INFO(finished.out << finished.err);
  CHECK(finished.exit.code == 0);
  std::size_t good = 0;
  for (const GoldenLine& line : read_golden()) good += line.section != "bad" ? 1 : 0;
  CHECK(finished.out == std::to_string(good) + " frames\n");
}

namespace {

// Jobs of each side for the other one. more: further words for the Python peers.
void exchange_jobs(const std::vector<std::string>& more) {
  const LoneBroker broker;
  const auto with = [&](std::vector<std::string> command) {
    command.insert(command.end(), more.begin(), more.end());
    return python(command);
  };
  const auto ask = [&](const std::string& task, const std::string& arguments) {
    return run({.command = with({"client", broker.clients, task, arguments})}).out;
  };
  {
    Process consumer(with({"consumer", broker.consumers, "--slots", "2"}));
    static_cast<void>(consumer.wait_for_line("ready"));
    const Finished ours =
        run({.command = {program("zebu-producer"), "--broker", broker.clients, "submit", "fib", "30", "--wait"}});
    CHECK(ours.out == "832040\n");
    CHECK(ask("fib", "[30]") == "832040\n");
    CHECK(ask("large", "[300000]").size() == 300'003);
    CHECK(ask("fail", "[\"no luck\"]") == "failed: RuntimeError: no luck\n");
    const Finished drained =
        run({.command = {program("zebu-producer"), "--broker", broker.clients, "drain", "python"}});
    CHECK(drained.exit.code == 0);
    CHECK(consumer.wait_exit().code == 0);
  }
  Process consumer({program("zebu-consumer"), "--broker", broker.consumers, "--slots", "1", "--test-tasks"});
  static_cast<void>(consumer.wait_for_line("zebu-consumer ready"));
  CHECK(ask("fib", "[30]") == "832040\n");
  CHECK(ask("sleep", "[1]") == "1\n");
  const Finished cancelled = run({.command = with({"client", broker.clients, "sleep", "[60000]", "--cancel"})});
  CHECK(cancelled.out == "cancelled\n");
}

}  // namespace

TEST_CASE("the Python peer runs jobs of ours, and ours run its jobs, large ones too") { exchange_jobs({}); }

TEST_CASE("a peer of a later version, with features that nobody else knows, works with ours as before") {
  exchange_jobs({"--newer"});
}
