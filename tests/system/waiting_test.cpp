#include "tests/support/catch.h"
#include "tests/support/document.h"
#include "tests/support/fake_broker.h"
#include "tests/support/log_lines.h"
#include "tests/support/lone_broker.h"
#include "tests/support/paths.h"
#include "tests/support/stack.h"

#include <algorithm>
#include <csignal>
#include <list>

// *Programs that wait* in docs/operations.md: what a program without its broker says.
using namespace std::chrono_literals;
using namespace zebu::test;
using Json = nlohmann::json;

namespace {

struct Waiting {
  std::string cause;
  std::string words;
  Process process;
};

Process consumer(const std::string& broker) {
  return Process({program("zebu-consumer"), "--broker", broker, "--log-format", "json"});
}
Process webfront(const std::string& broker) {
  return Process({program("zebu-webfront"), "--broker", broker, "--listen", "127.0.0.1:0", "--log-format", "json"});
}

}  // namespace

TEST_CASE("consumers and front ends that have no broker say why, as the document has it") {
  Stack stack({.consumers = 0});
  const std::string http = "tcp://127.0.0.1:" + std::to_string(stack.http_port());
  LoneBroker stopped;
  stopped.process.signal(SIGSTOP);
  std::list<Waiting> all;
  for (const auto& start : {consumer, webfront}) {
    all.push_back({"refused", "is refused: no program listens there", start("tcp://127.0.0.1:1")});
    all.push_back(
        {"unknown_name", "the name 'no-such-name.invalid' does not resolve", start("tcp://no-such-name.invalid:5556")});
    all.push_back({"http", "an HTTP server answers at", start(http)});
  }
  all.push_back({"silent", "is accepted, but nobody says anything there", consumer(stopped.consumers)});
  all.push_back({"silent", "is accepted, but nobody says anything there", webfront(stopped.clients)});
  const auto rows = table_rows("docs/operations.md", "cause");
  for (const Waiting& each : all) {
    const Json line = logged(each.process, "broker_awaited", {{"cause", each.cause}}, 60s);
    CHECK(line.at("message").get<std::string>().find(each.words) != std::string::npos);
    CHECK(line.at("waited_ms").get<int>() >= 5000);
    CHECK(std::any_of(rows.begin(), rows.end(), [&](const auto& row) { return row[0] == each.cause; }));
  }
  // Once it goes on, they are there.
  stopped.process.signal(SIGCONT);
  for (const Waiting& each : all) {
    if (each.cause == "silent") logged(each.process, "broker_connected");
  }
}

TEST_CASE("a broker that is full says so to those that wait") {
  LoneBroker broker({"--max-peers", "1"});
  const Process first = consumer(broker.consumers);
  logged(first, "broker_connected");
  const Process second = consumer(broker.consumers);
  logged(second, "broker_put_off", {{"code", "too_many_peers"}});
  logged(second, "broker_awaited", {{"cause", "too_many_peers"}}, 60s);
}

TEST_CASE("a peer on the wrong one of the broker's ports says so") {
  LoneBroker broker;
  Process wrong = consumer(broker.clients);
  CHECK(logged(wrong, "broker_refused")
            .at("message")
            .get<std::string>()
            .find("this port is for peers of role 'client'") != std::string::npos);
  CHECK(wrong.wait_exit().code == 1);
  Process front = webfront(broker.consumers);
  CHECK(logged(front, "broker_refused", {{"code", "wrong_role"}})
            .at("message")
            .get<std::string>()
            .find("this port is for peers of role 'consumer'") != std::string::npos);
  const Finished ping = run({.command = {program("zebu-producer"), "--broker", broker.consumers, "ping"}});
  CHECK(ping.exit.code == 1);
  CHECK(ping.err.find("this port is for peers of role 'consumer'") != std::string::npos);
}

TEST_CASE("a peer of another version than its broker's says so, with the broker's words") {
  const std::string words = "this broker speaks protocol 9, and not 2: use programs of one version";
  FakeBroker broker;
  const bool is_told_of_what = GENERATE(true, false);
  const auto refuse = [&] {
    static_cast<void>(broker.hear_a<zebu::message::Hello>());
    zebu::message::ErrorReport report{zebu::ErrorCode::version, words};
    if (is_told_of_what) report.about.type = static_cast<std::uint8_t>(zebu::message::Type::hello);
    broker.say(report);
  };
  Process worker = consumer(broker.endpoint());
  refuse();
  const Json refused = logged(worker, "broker_refused", {{"code", "version"}});
  CHECK(refused.at("message").get<std::string>().find(words) != std::string::npos);
  CHECK(worker.wait_exit().code == 1);
  Process ping({program("zebu-producer"), "--broker", broker.endpoint(), "ping"});
  refuse();
  CHECK(ping.wait_exit().code == 1);
  CHECK(ping.err().find(words) != std::string::npos);
  Process front = webfront(broker.endpoint());
  refuse();
  logged(front, "broker_refused", {{"code", "version"}});
  CHECK(front.is_running());
}

TEST_CASE("a command without a broker says why within its timeout") {
  Stack stack({.consumers = 0});
  const auto words_of = [](const std::string& broker) {
    const Finished done = run(
        {.command = {program("zebu-producer"), "--broker", broker, "--connect-timeout", "6s", "submit", "echo", "1"}});
    CHECK(done.exit.code == 1);
    return done.err;
  };
  CHECK(words_of("tcp://127.0.0.1:1").find("is refused: no program listens there") != std::string::npos);
  CHECK(words_of("tcp://127.0.0.1:" + std::to_string(stack.http_port())).find("an HTTP server answers at") !=
        std::string::npos);
  stack.broker().signal(SIGSTOP);
  CHECK(words_of(stack.clients()).find("is accepted, but nobody says anything there") != std::string::npos);
  stack.broker().signal(SIGCONT);
}

TEST_CASE("a command that has lost its broker says so after a while, and that it is back") {
  StackOptions options;
  options.consumers = 1;
  options.with_webfront = false;
  Stack stack(options);
  Process producer = stack.start_producer({"submit", "sleep", "9000", "--wait"});
  CHECK(eventually([&] { return stack.produce({"queues"}).out.find("  1  ") != std::string::npos; }));
  stack.kill_broker();
  producer.wait_for_error_line("waiting for the broker at " + stack.clients() + ": the connection to ", 60s);
  stack.start_broker();
  producer.wait_for_error_line("the broker is back", 60s);
  CHECK(producer.wait_exit(60s).code == 0);
  CHECK(producer.out() == "9000\n");
}
