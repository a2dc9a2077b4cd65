#include "tests/support/catch.h"
#include "tests/support/lone_broker.h"
#include "tests/support/paths.h"
#include "tests/support/peer.h"
#include "tests/support/process.h"
#include "tests/support/stack.h"
#include "tests/support/temp_dir.h"
#include "zebu/client.h"
#include "zebu/convert.h"

#include <nlohmann/json.hpp>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>

using namespace zebu;
using namespace zebu::test;
using std::chrono::milliseconds;

// Every entry is answered by its id, and every request is answered.
namespace {

// The frame of `good`, in which the last `from` became `to`.
std::string with_bad_entry(const message::Message& good, std::string_view from, std::string_view to) {
  std::string frame(encode(good).bytes());
  const std::size_t at = frame.rfind(from);
  if (at == std::string::npos) throw std::runtime_error("there is nothing to spoil");
  return frame.replace(at, from.size(), to);
}

message::Submission job(const JobId& id, JobOptions options = {}) {
  return {id, "fib", "default", Bytes("\x91\x1e", 2), std::move(options)};
}

}  // namespace

TEST_CASE("a bad job among good ones is refused by its id, and the others are accepted") {
  const LoneBroker broker;
  Peer client(broker.clients);
  client.hello_client();
  const JobId good = Uuid::make();
  const JobId bad = Uuid::make();
  JobOptions urgent;
  urgent.priority = 9;
  const message::Submit submit{false, {job(good), job(bad, urgent)}};
  client.send_raw(with_bad_entry(submit, "priority\x09", "priority\x0a"));
  bool is_accepted = false;
  bool is_refused = false;
  for (int i = 0; i < 2; ++i) {
    const auto heard = client.receive();
    if (const auto* accepted = std::get_if<message::Accepted>(&heard->message)) {
      is_accepted = accepted->ids == std::vector<JobId>{good};
    } else {
      const message::Refusal& refusal = heard->as<message::Refused>().jobs.at(0);
      is_refused = refusal.id == bad && refusal.code == ErrorCode::bad_job &&
                   refusal.message == "priority must be an integer from 0 to 9";
    }
  }
  CHECK(is_accepted);
  CHECK(is_refused);
}

TEST_CASE("ids that cannot be read are named by their places, and the others are answered") {
  const LoneBroker broker;
  Peer client(broker.clients);
  client.hello_client();
  const JobId unknown = Uuid::make();
  const JobId spoilt = Uuid::make();
  const std::string spoilt_bytes = std::string("\xc4\x10", 2) + std::string(spoilt.view());
  client.send_raw(with_bad_entry(message::Wait{{unknown, spoilt}}, spoilt_bytes,
                                 "\xa3"
                                 "job"));
  bool is_unknown = false;
  for (int i = 0; i < 2; ++i) {
    const auto heard = client.receive();
    if (const auto* answer = std::get_if<message::Unknown>(&heard->message)) {
      is_unknown = answer->ids == std::vector<JobId>{unknown};
      continue;
    }
    const auto& error = heard->as<message::ErrorReport>();
    CHECK(error.code == ErrorCode::bad_message);
    CHECK(error.message == "entry 1 of WAIT: an id must be 16 bytes of binary");
    CHECK(error.about.type == 19);
    CHECK(error.about.entries == std::vector<std::uint32_t>{1});
  }
  CHECK(is_unknown);
}

TEST_CASE("an outcome that cannot be read fails its job, and the one beside it counts") {
  const LoneBroker broker;
  Peer consumer(broker.consumers);
  consumer.hello_consumer(2);
  Peer client(broker.clients);
  client.hello_client();
  const JobId good = Uuid::make();
  const JobId bad = Uuid::make();
  client.send(message::Submit{true, {job(good), job(bad)}});
  REQUIRE(consumer.receive()->as<message::Assign>().jobs.size() == 2);
  const Bytes result("\x08", 1);
  const message::OutcomeReport outcomes{
      0, {{good, 1, JobState::succeeded, result, {}, {}}, {bad, 1, JobState::succeeded, result, {}, {}}}};
  consumer.send_raw(with_bad_entry(outcomes, "succeeded\xc4", "succeeded\xd9"));
  const auto complaint = consumer.receive();
  CHECK(complaint->as<message::ErrorReport>().about.attempt == AttemptId{bad, 1});
  consumer.send(message::Drain{});
  CHECK(consumer.receive_kept() == 2);
  std::size_t ended = 0;
  while (ended < 2) {
    const auto heard = client.receive();
    if (std::holds_alternative<message::Accepted>(heard->message)) continue;
    for (const message::Report& report : heard->as<message::Done>().jobs) {
      ++ended;
      if (report.id == good) CHECK(report.result == result);
      if (report.id == bad) CHECK(report.error.type == "zebu::BadOutcome");
    }
  }
}

TEST_CASE("CANCEL is answered by the state that it found") {
  const LoneBroker broker;
  Peer consumer(broker.consumers);
  consumer.hello_consumer(1);
  Peer client(broker.clients);
  client.hello_client();
  const JobId runs = client.submit();
  REQUIRE(consumer.receive()->as<message::Assign>().jobs.at(0).id == runs);
  const JobId waits = client.submit();
  const JobId never = Uuid::make();
  client.send(message::Cancel{{runs, waits, never}});
  std::map<JobId, JobState> ending;
  bool is_unknown = false;
  while (ending.size() < 2 || !is_unknown) {
    const auto heard = client.receive();
    if (const auto* unknown = std::get_if<message::Unknown>(&heard->message)) {
      is_unknown = unknown->ids == std::vector<JobId>{never};
    } else if (const auto* answer = std::get_if<message::Ending>(&heard->message)) {
      for (const message::EndingJob& each : answer->jobs) ending[each.id] = each.state;
    }
  }
  CHECK(ending[runs] == JobState::running);
  CHECK(ending[waits] == JobState::cancelled);
  client.send(message::Cancel{{waits}});
  CHECK(client.receive()->as<message::Ending>().jobs.at(0).state == JobState::cancelled);
}

TEST_CASE("a query with bad params is answered by its number") {
  const LoneBroker broker;
  Peer client(broker.clients);
  client.hello_client();
  message::Params params;
  params.queue = "a_b";
  client.send_raw(with_bad_entry(message::Query{77, "list", params}, "a_b", "a b"));
  const auto heard = client.receive();
  CHECK(heard->as<message::Answer>().number == 77);
  const auto refusal = refusal_in(heard->as<message::Answer>().value);
  REQUIRE(refusal);
  CHECK(refusal->code == ErrorCode::bad_request);
  CHECK(refusal->message == "queue must have 1 to 128 bytes of UTF-8 without spaces or control characters");
}

TEST_CASE("ECHO comes back behind what was sent before it") {
  const LoneBroker broker;
  Peer client(broker.clients);
  client.hello_client();
  client.send(message::Submit{false, {{Uuid::make(), "a b", "default", {}, {}}}});
  client.send(message::Echo{42});
  static_cast<void>(client.receive()->as<message::Refused>());
  CHECK(client.receive()->as<message::Echo>().number == 42);
}

TEST_CASE("a refused HELLO says whether trying again helps") {
  const LoneBroker broker({"--max-peers", "1"});
  Peer first(broker.clients);
  first.hello_client();
  message::Hello hello;
  hello.name = "second";
  hello.instance = Uuid::make();
  Peer second(broker.clients);
  second.send(hello);
  const auto full = second.receive();
  CHECK(full->as<message::ErrorReport>().code == ErrorCode::too_many_peers);
  CHECK(full->as<message::ErrorReport>().about.type == 1);
  CHECK(full->as<message::ErrorReport>().about.retry_after == milliseconds(1000));
  hello.major = 1;
  second.send(hello);
  const auto old = second.receive();
  CHECK(old->as<message::ErrorReport>().code == ErrorCode::version);
  CHECK(old->as<message::ErrorReport>().about.version->first == message::kMajor);
  CHECK_FALSE(old->as<message::ErrorReport>().about.retry_after);
  Peer consumer(broker.consumers);
  hello.major = message::kMajor;
  hello.role = message::Role::consumer;
  const std::vector<std::string_view> queues(1025, "q");
  hello.consumer = {queues, 1, {}, message::pool::kThreads, {}};
  consumer.send(hello);
  const auto bad = consumer.receive();
  CHECK(bad->as<message::ErrorReport>().about.type == 1);
  CHECK_FALSE(bad->as<message::ErrorReport>().about.retry_after);
  CHECK(bad->as<message::ErrorReport>().message == "queues must be a list of at most 1024");
}

TEST_CASE("a session whose instance says HELLO elsewhere hears that it was replaced") {
  const LoneBroker broker;
  const InstanceId instance = Uuid::make();
  Peer parent(broker.consumers);
  parent.hello_consumer(0, instance);
  Peer fork(broker.consumers);
  fork.hello_consumer(0, instance);
  CHECK(parent.receive_error() == ErrorCode::replaced);
  SECTION("but not on the same connection") {
    fork.hello_consumer(0, instance);
    fork.send(message::Echo{1});
    CHECK(fork.receive()->as<message::Echo>().number == 1);
  }
}

TEST_CASE("a broker that stops says BYE and when to look for it") {
  LoneBroker broker;
  Peer client(broker.clients);
  client.hello_client();
  broker.process.signal(SIGTERM);
  CHECK(client.receive()->as<message::Bye>().after > milliseconds(0));
  CHECK(broker.process.wait_exit().code == 0);
}

TEST_CASE("a job that no message can hold is refused by its size, and nobody else notices") {
  StackOptions options;
  options.broker = {"--max-message", "100000"};
  options.webfront = {"--max-body", "1MiB"};
  const Stack stack(options);
  const std::string large(110'000, 'x');
  const Finished refused = stack.produce({"submit", "echo", large});
  CHECK(refused.exit.code == 1);
  CHECK(refused.err.find("the job has 110") != std::string::npos);
  CHECK(refused.err.find("the broker takes messages of at most 100000") != std::string::npos);

  const TempDir dir;
  const std::string input = (dir.path() / "in").string();
  std::ofstream(input) << "\"a\"\n\"" << large << "\"\n\"b\"\n";
  const Finished map = stack.produce({"map", "echo", "--input", input});
  CHECK(map.exit.code == 1);
  CHECK(map.out.find("\"result\":\"a\"") != std::string::npos);
  CHECK(map.out.find("\"result\":\"b\"") != std::string::npos);
  CHECK(map.out.find("too_large") != std::string::npos);

  const std::string body = R"({"task": "echo", "args": [")" + large + R"("]})";
  const HttpReply reply = stack.post("/v1/jobs", body);
  CHECK(reply.status == 413);
  CHECK(stack.produce({"submit", "echo", "1", "--wait"}).out == "1\n");
}

TEST_CASE("messages above the default size pass where the broker allows them") {
  StackOptions options;
  options.broker = {"--max-message", "67108864"};
  const Stack stack(options);
  ClientOptions client_options;
  client_options.broker = stack.clients();
  const auto client = Client::connect(std::move(client_options));
  REQUIRE(client);
  const std::string large(20 << 20, 'x');
  const auto result = (*client)->submit<std::string>("echo", large).value(scaled(std::chrono::seconds(20)));
  REQUIRE(result);

  const bool is_same = *result == pack_value(large);  // not 20 MiB of text where it fails
  CHECK(is_same);
}

TEST_CASE("questions about many large jobs are answered, and one that is too large is refused") {
  StackOptions options;
  options.webfront = {"--max-body", "4MiB"};
  const Stack stack(options);
  const TempDir dir;
  const std::string input = (dir.path() / "in").string();
  std::ofstream lines(input);
  // fib takes one number: they fail, and keep their arguments.
  for (int i = 0; i < 12; ++i) lines << "[\"" << std::string(2 << 20, 'x') << "\", " << i << "]\n";
  lines.close();
  CHECK(stack.produce({"map", "fib", "--input", input}).exit.code == 1);
  std::vector<std::string> ids;
  const auto listed = nlohmann::json::parse(stack.get("/v1/jobs?state=failed").body);
  for (const auto& each : listed["jobs"]) ids.push_back(each["id"]);
  REQUIRE(ids.size() == 12);

  std::vector<std::string> status{"status"};
  status.insert(status.end(), ids.begin(), ids.end());
  const Finished shown = stack.produce(status);
  CHECK(shown.exit.code == 0);
  for (const std::string& id : ids) CHECK(shown.out.find(id) != std::string::npos);

  std::vector<std::string> retry{"retry"};
  retry.insert(retry.end(), ids.begin(), ids.end());
  const Finished retried = stack.produce(retry);
  CHECK(retried.exit.code == 0);
  for (const std::string& id : ids) CHECK(retried.out.find(id) != std::string::npos);
  CHECK(stack.get("/v1/jobs/" + ids.front()).status == 404);

  // Results that do not fit a message together: `status` asks for fewer.
  Params params;
  std::vector<std::string> echoed{"status"};
  for (int i = 0; i < 9; ++i) {
    const HttpReply reply = stack.post(
        "/v1/jobs", R"({"task": "echo", "args": [")" + std::string(2 << 20, 'y') + "\"]}", {{"Prefer", "wait=20"}});
    REQUIRE(reply.status == 200);
    echoed.push_back(nlohmann::json::parse(reply.body)["id"]);
    params.ids.push_back(Uuid::parse(echoed.back()).value());
  }
  ClientOptions client_options;
  client_options.broker = stack.clients();
  const auto client = Client::connect(std::move(client_options));
  REQUIRE(client);
  REQUIRE((*client)->wait_connected(scaled(std::chrono::seconds(5))));
  const auto refused = (*client)->query("jobs", params, scaled(std::chrono::seconds(20)));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message == "the answer would have more than 16777216 bytes: ask for fewer jobs");
  const Finished told = stack.produce(echoed);
  CHECK(told.exit.code == 0);
  for (const JobId& id : params.ids) CHECK(told.out.find(id.to_string()) != std::string::npos);
}

TEST_CASE("a program shows why the broker does not take it") {
  const LoneBroker broker({"--max-peers", "1"});
  Peer first(broker.clients);
  first.hello_client();
  const Finished ping =
      run({.command = {program("zebu-producer"), "--broker", broker.clients, "--connect-timeout", "500ms", "ping"}});
  CHECK(ping.exit.code == 1);
  CHECK(ping.err.find("the broker has 1 peers: close some, or raise --max-peers") != std::string::npos);
  Process consumer(std::vector<std::string>{program("zebu-consumer"), "--broker", broker.consumers});
  static_cast<void>(consumer.wait_for_error_line("does not take this consumer now: the broker has 1 peers"));
  first.send(message::Bye{});
  static_cast<void>(consumer.wait_for_line("zebu-consumer ready"));
}
