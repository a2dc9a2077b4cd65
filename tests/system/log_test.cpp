#include "tests/support/catch.h"
#include "tests/support/log_lines.h"
#include "tests/support/lone_broker.h"
#include "tests/support/peer.h"
#include "tests/support/stack.h"
#include "tests/support/temp_dir.h"

#include <csignal>

// What the real programs log. The broker's events by themselves: tests/unit/journal_test.cpp.
using namespace std::chrono_literals;
using namespace zebu;
using namespace zebu::test;
using Json = nlohmann::json;

namespace {

message::Hello hello(message::Role role, const std::string& name, InstanceId instance = Uuid::make()) {
  message::Hello hello;
  hello.role = role;
  hello.name = name;
  hello.instance = instance;
  if (role == message::Role::consumer) hello.consumer = {{"default"}, 1, {"fib"}, message::pool::kThreads, {}};
  return hello;
}

}  // namespace

TEST_CASE("a broker logs who comes, is replaced, leaves and is lost, and what becomes of the jobs") {
  LoneBroker broker(as_json({"--liveness", "600ms", "--log-level", "debug"}));
  CHECK(logged(broker.process, "store_recovered").at("queued") == 0);
  CHECK(logged(broker.process, "broker_started").at("store") == "memory");
  const std::string instance = logged(broker.process, "broker_started").at("instance");
  CHECK(logged(broker.process, "broker_started").at("pid") == broker.process.pid());

  Peer client(broker.clients);
  const InstanceId client_id = Uuid::make();
  client.send(hello(message::Role::client, "web", client_id));
  static_cast<void>(client.receive()->as<message::Welcome>());
  CHECK(logged(broker.process, "client_joined", {{"client", "web"}}).at("peer_instance") == client_id.to_string());
  CHECK(logged(broker.process, "client_joined").at("instance") == instance);

  const InstanceId consumer_id = Uuid::make();
  std::optional<Peer> consumer(broker.consumers);
  consumer->send(hello(message::Role::consumer, "c-1", consumer_id));
  static_cast<void>(consumer->receive()->as<message::Welcome>());
  CHECK(logged(broker.process, "consumer_joined", {{"consumer", "c-1"}, {"queues", "default"}}).at("slots") == 1);
  consumer->send(message::Credit{1});
  const std::string job = client.submit().to_string();
  logged(broker.process, "job_accepted", {{"job", job}, {"task", "fib"}});
  logged(broker.process, "job_assigned", {{"job", job}, {"attempt", 1}, {"consumer", "c-1"}});

  SECTION("a consumer that is silent is lost, and its job goes back") {
    consumer.reset();
    logged(broker.process, "consumer_cut_off", {{"consumer", "c-1"}, {"jobs", 1}});
    const Json lost = logged(broker.process, "consumer_lost", {{"consumer", "c-1"}, {"jobs", 1}});
    CHECK(lost.at("silent_ms").get<int>() >= 600);
    logged(broker.process, "jobs_suspected", {{"job", job}});
    logged(broker.process, "job_put_back", {{"job", job}});
    logged(broker.process, "client_lost", {{"client", "web"}});
  }
  SECTION("one that comes back with another session replaces the older one, and one that says BYE has left") {
    Peer again(broker.consumers);
    again.send(hello(message::Role::consumer, "c-1", consumer_id));
    static_cast<void>(again.receive()->as<message::Welcome>());
    logged(broker.process, "consumer_replaced", {{"consumer", "c-1"}, {"jobs", 1}});
    again.send(message::Bye{});
    logged(broker.process, "consumer_left", {{"consumer", "c-1"}, {"jobs", 0}});
    Peer web(broker.clients);
    web.send(hello(message::Role::client, "web", client_id));
    static_cast<void>(web.receive()->as<message::Welcome>());
    logged(broker.process, "client_replaced", {{"client", "web"}});
    web.send(message::Bye{});
    logged(broker.process, "client_left", {{"client", "web"}});
  }
  broker.process.signal(SIGTERM);
  CHECK(broker.process.wait_exit().code == 0);
  CHECK(logged(broker.process, "stopping").at("signal") == "TERM");
  CHECK(log_lines(broker.process.err()).back().at("event") == "stopped");
}

TEST_CASE("a broker logs whom it does not take, and who breaks the protocol") {
  LoneBroker broker(as_json({"--max-peers", "1"}));
  Peer wrong(broker.clients);
  const std::string name = "c-\xe2\x80\xae[x=1]\"";  // it turns round what follows
  wrong.send(hello(message::Role::consumer, name));
  CHECK(wrong.receive_error() == ErrorCode::wrong_role);
  logged(broker.process, "peer_refused", {{"code", "wrong_role"}, {"role", "consumer"}, {"peer", name}});
  CHECK(broker.process.err().find("\xe2\x80\xae") == std::string::npos);
  Peer garbled(broker.clients);
  for (int i = 0; i < 300; ++i) {
    garbled.send_raw("this is no message");
    CHECK(garbled.receive_error() == ErrorCode::bad_message);
  }
  logged(broker.process, "protocol_error", {{"code", "bad_message"}, {"count", 1}});
  Peer first(broker.clients);
  first.hello_client();
  Peer second(broker.clients);
  second.send(hello(message::Role::client, "second"));
  CHECK(second.receive_error() == ErrorCode::too_many_peers);
  logged(broker.process, "peer_refused", {{"code", "too_many_peers"}, {"peer", "second"}});
  CHECK(count_events(broker.process.err(), "protocol_error") <= 2);
}

TEST_CASE("ten thousand refused submissions leave a line when they begin, and one with their number") {
  LoneBroker broker(as_json({"--queue-limit", "1", "--transient-limit", "1"}));
  Peer client(broker.clients);
  client.hello_client();
  for (int i = 0; i < 10'000; ++i) static_cast<void>(client.submit());
  logged(broker.process, "refusals_began", {{"code", "queue_full"}, {"queue", "default"}});
  // One, unless the machine stood still in between.
  const auto told = [&] {
    std::size_t refused = 0;
    for (const Json& line : log_lines(broker.process.err())) {
      if (is_event(line, "refusals_ended", {{"code", "queue_full"}})) refused += line.at("count").get<std::size_t>();
    }
    return refused;
  };
  CHECK(eventually([&] { return told() == 9'999; }, 60s));
  CHECK(log_lines(broker.process.err()).size() < 30);
}

TEST_CASE("a broker logs commands and by whom, and the first failure of a kind") {
  StackOptions options;
  options.broker = as_json();
  options.consumer = as_json({"--test-tasks", "--log-level", "debug"});
  options.with_webfront = false;
  Stack stack(options);
  const Process& broker = stack.broker();
  const auto produce = [&](std::vector<std::string> words, int code = 0) {
    const Finished done = stack.produce(std::move(words));
    INFO(done.err);
    CHECK(done.exit.code == code);
    return done.out;
  };
  produce({"submit", "fail", "it broke", "--wait"}, 1);
  produce({"submit", "fail", "it broke", "--wait"}, 1);
  const Json failed = logged(broker, "job_failed", {{"task", "fail"}, {"queue", "default"}});
  CHECK(failed.at("consumer") == "consumer-0");
  CHECK(failed.at("message").get<std::string>().find("it broke") != std::string::npos);
  CHECK(count_events(broker.err(), "job_failed") == 1);
  const std::string by = "zebu-producer";
  produce({"pause", "default", "--reason", "the disk"});
  logged(broker, "queue_paused", {{"queue", "default"}, {"by", by}, {"reason", "the disk"}});
  produce({"submit", "echo", "1", "--queue", "default"});
  produce({"retry", "--all-failed"});
  logged(broker, "jobs_retried", {{"by", by}, {"count", 2}});
  produce({"purge", "default", "--yes"});
  logged(broker, "queue_purged", {{"queue", "default"}, {"by", by}, {"state", "queued"}, {"count", 3}});
  produce({"resume", "default"});
  logged(broker, "queue_resumed", {{"queue", "default"}, {"by", by}});
  produce({"purge", "default", "--state", "failed", "--yes"});
  logged(broker, "queue_purged", {{"queue", "default"}, {"state", "failed"}, {"count", 0}});
  produce({"submit", "crash", "--wait"}, 1);
  const Process& consumer = stack.consumer(0);
  CHECK(logged(consumer, "slot_died").at("slot").get<int>() > 0);
  logged(consumer, "job_received", {{"task", "fail"}, {"attempt", 1}});
  logged(consumer, "job_ended", {{"outcome", "failed"}, {"error_type", "zebu::Crash"}});
  produce({"submit", "hang", "--hard-limit", "1", "--wait"}, 1);
  CHECK(logged(consumer, "slot_killed").at("attempt") == 1);
  produce({"drain", "consumer-0"});
  logged(broker, "consumers_drained", {{"consumer", "consumer-0"}, {"by", by}, {"count", 1}});
  logged(consumer, "draining");
  logged(consumer, "stopped");
}

TEST_CASE("a job that succeeds leaves no line at info") {
  StackOptions options;
  options.broker = as_json();
  options.consumer = as_json();
  options.with_webfront = false;
  Stack stack(options);
  logged(stack.consumer(0), "broker_connected");
  const std::size_t before = log_lines(stack.consumer(0).err()).size();
  CHECK(stack.produce({"submit", "echo", "1", "--count", "1000", "--wait"}).exit.code == 0);
  CHECK(log_lines(stack.consumer(0).err()).size() == before);
  logged(stack.broker(), "client_left");
  for (const Json& line : log_lines(stack.broker().err())) CHECK_FALSE(line.contains("job"));
}

TEST_CASE("consumers and front ends log that they have found, lost and found their broker again") {
  StackOptions options;
  options.broker = as_json();
  options.consumer = as_json({"--slots", "3", "--queues", "a,default"});
  options.webfront = as_json();
  Stack stack(options);
  const Json started = logged(stack.consumer(0), "consumer_started", {{"consumer", "consumer-0"}, {"slots", 3}});
  CHECK(started.at("queues") == "a,default");
  logged(stack.consumer(0), "broker_connected", {{"broker", stack.consumers()}});
  logged(stack.webfront(), "broker_connected", {{"broker", stack.clients()}});
  stack.kill_broker();
  logged(stack.consumer(0), "broker_lost");
  logged(stack.webfront(), "broker_lost");
  stack.start_broker();
  const auto connected = [](const Process& program) { return count_events(program.err(), "broker_connected"); };
  CHECK(eventually([&] { return connected(stack.consumer(0)) == 2 && connected(stack.webfront()) == 2; }, 20s));
  logged(stack.broker(), "consumers_awaited", {{"consumers", 1}});
  stack.webfront().signal(SIGINT);
  CHECK(stack.webfront().wait_exit().code == 0);
  logged(stack.webfront(), "stopping", {{"signal", "INT"}});
  logged(stack.webfront(), "stopped");
}

TEST_CASE("a program that cannot start says why, as an event") {
  const TempDir folder;
  const std::string store = "sqlite:" + (folder.path() / "missing" / "zebu.db").string();
  const Finished broker = run({.command = {program("zebu-broker"), "--store", store, "--log-format", "json"}});
  CHECK(broker.exit.code == 1);
  CHECK(count_events(broker.err, "start_failed", {{"level", "error"}}) == 1);
}
