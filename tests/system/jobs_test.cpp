#include "tests/support/catch.h"
#include "tests/support/eventually.h"
#include "tests/support/fake_broker.h"
#include "tests/support/lone_broker.h"
#include "tests/support/paths.h"
#include "tests/support/peer.h"
#include "tests/support/stack.h"
#include "tests/support/text.h"
#include "zebu/client.h"

#include <nlohmann/json.hpp>

#include <csignal>
#include <fstream>

// What a job can be given, and what is told of it, through the real programs.
using namespace zebu;
using namespace zebu::test;
using namespace std::chrono_literals;
using Json = nlohmann::json;

namespace {

Json status_of(const Stack& stack, const std::string& id) {
  return Json::parse(stack.produce({"status", id, "--output", "json"}).out);
}

}  // namespace

TEST_CASE("keyword arguments come from --kw, --json, a line of map, HTTP and the library") {
  const Stack stack(two_slots());
  CHECK(stack.produce({"submit", "keywords", "7", "--kw", "n=64", "--kw", "text=a b", "--wait"}).out == "7 64 a b\n");
  CHECK(stack.produce({"submit", "keywords", "--json", R"({"kwargs":{"n":3}})", "--wait"}).out == "0 3 none\n");

  const Finished missing = stack.produce({"submit", "keywords", "--wait"});
  CHECK(missing.exit.code == 1);
  CHECK(has(missing.err, "zebu::BadArguments: keywords needs the keyword 'n'"));
  CHECK(has(stack.produce({"submit", "echo", "1", "--kw", "n=1", "--wait"}).err, "echo takes no keyword arguments"));
  const Finished bad = stack.produce({"submit", "keywords", "--kw", "n"});
  CHECK(bad.exit.code == 2);
  CHECK(has(bad.err, "write NAME=VALUE"));
  CHECK(has(stack.produce({"submit", "keywords", "--kw", "n=1", "--kw", "n=2"}).err, "given twice"));

  const TempDir dir;
  const std::string input = (dir.path() / "in").string();
  std::ofstream(input) << "{\"args\":[1],\"kwargs\":{\"n\":2}}\n[3]\n{\"kwargs\":{\"n\":4,\"text\":\"x\"}}\n";
  const Finished mapped = stack.produce({"map", "keywords", "--input", input, "--kw", "n=9"});
  CHECK(mapped.exit.code == 0);
  for (const char* result : {"\"1 2 none\"", "\"3 9 none\"", "\"0 4 x\""}) CHECK(has(mapped.out, result));

  const HttpReply reply =
      stack.post("/v1/jobs", R"({"task": "keywords", "args": [5], "kwargs": {"n": 6}})", {{"Prefer", "wait=10"}});
  CHECK(Json::parse(reply.body)["result"] == "5 6 none");
  CHECK(stack.post("/v1/jobs", R"({"task": "keywords", "kwargs": [1]})").status == 400);
  CHECK(stack.post("/v1/jobs", R"({"task": "keywords", "options": {"kwargs": {}}})").status == 400);

  ClientOptions options;
  options.broker = stack.clients();
  const auto client = Client::connect(options);
  REQUIRE(client);
  CHECK((*client)->submit<std::string>("keywords", 1, kw("n", 2), kw("text", "t")).result(10s) == "1 2 t");
}

TEST_CASE("a job is shown with its arguments and attempts, by the CLI and over HTTP, also after a restart") {
  Stack stack(two_slots());
  const std::string id =
      submitted(stack, {"flaky", "1", "--kw", "x=1"}).substr(0, 36);  // refused by the task: its only attempt
  REQUIRE(eventually([&] { return status_of(stack, id)["state"] == "failed"; }));
  const std::string flaky = submitted(stack, {"flaky", "2", "--retries", "5", "--retry-delay", "1ms"});
  REQUIRE(eventually([&] { return status_of(stack, flaky)["state"] == "succeeded"; }));
  const auto check = [&](const Json& job) {
    CHECK(job["args"] == Json{2});
    REQUIRE(job["attempts"].size() == 3);
    CHECK(job["attempts"][0]["ended"] == "failed");
    CHECK(job["attempts"][0]["message"] == "attempt 1");
    CHECK(job["attempts"][0]["consumer"] == "consumer-0");
    CHECK(job["attempts"][2]["ended"] == "succeeded");
    CHECK(job["attempts"][2]["attempt"] == 3);
    CHECK(job["consumer"] == "consumer-0");
  };
  const Json before = status_of(stack, flaky);
  check(before);
  check(Json::parse(stack.get("/v1/jobs/" + flaky).body));
  CHECK(status_of(stack, id)["kwargs"] == Json{{"x", 1}});
  const std::string shown = stack.produce({"status", flaky}).out;
  CHECK(has(shown, "args       [2]"));
  CHECK(has(shown, "attempts   1: failed, "));
  CHECK(has(shown, "std::runtime_error: attempt 2"));
  stack.restart_broker();
  REQUIRE(eventually([&] { return stack.produce({"ping"}).exit.code == 0; }));
  CHECK(status_of(stack, flaky)["attempts"] == before["attempts"]);
  // A list has neither.
  const std::string list = stack.produce({"list", "--output", "json"}).out;
  CHECK_FALSE(has(list, "\"args\""));
  CHECK_FALSE(has(list, "\"attempts\""));

  const std::string large = submitted(stack, {"echo", "--json", "[\"" + std::string(70'000, 'x') + "\"]"});
  CHECK_FALSE(status_of(stack, large).contains("args"));
  CHECK(status_of(stack, large)["args_bytes"] > 70'000);
  CHECK(has(stack.produce({"status", large}).out, "too large to be shown"));
}

TEST_CASE("a task that asks for a retry after a time gets it, and knows how it went before") {
  const Stack stack(two_slots(false));
  const Finished finished = stack.produce({"submit", "later", "50", "--retries", "3", "--retry-delay", "1h", "--wait"});
  INFO(finished.err);
  REQUIRE(finished.exit.code == 0);
  const Json about = Json::parse(finished.out);
  CHECK(about["attempt"] == 2);
  CHECK(about["failures"] == 1);
  CHECK(about["crashes"] == 0);
  CHECK(about["retries"] == 3);
}

TEST_CASE("an error is shown with its causes, by the CLI and over HTTP, and kept with them") {
  Stack stack(two_slots());
  const Finished failed = stack.produce({"submit", "nested", "2", "--wait"});
  CHECK(has(failed.err, "level 2"));
  CHECK(has(failed.err, "caused by "));
  CHECK(has(failed.err, "net.Down: the cable"));
  const std::string id = submitted(stack, {"nested", "1"});
  REQUIRE(eventually([&] { return status_of(stack, id)["state"] == "failed"; }));
  stack.restart_broker();
  REQUIRE(eventually([&] { return stack.produce({"ping"}).exit.code == 0; }));
  CHECK(status_of(stack, id)["error"]["cause"]["type"] == "net.Down");
  CHECK(has(stack.produce({"status", id}).out, "cause"));
  REQUIRE(eventually([&] { return stack.get("/v1/jobs/" + id).status == 200; }));
  CHECK(Json::parse(stack.get("/v1/jobs/" + id).body)["error"]["cause"]["message"] == "the cable");
}

TEST_CASE("what a private job says is shown to those who wait for it, and to nobody else") {
  const Stack stack(two_slots());
  CHECK(stack.produce({"submit", "echo", "secret", "--private", "--wait"}).out == "secret\n");
  const std::string id = submitted(stack, {"echo", "secret", "--private"});
  const std::string failed = submitted(stack, {"fail", "secret", "--private"});
  for (const std::string& job : {id, failed}) {
    REQUIRE(eventually([&] { return status_of(stack, job)["finished_ms"].is_number(); }));
    const std::string over_http = stack.get("/v1/jobs/" + job).body;
    CHECK(Json::parse(over_http)["args"] == "private");
    for (const std::string& told :
         {over_http, stack.produce({"status", job}).out, stack.produce({"status", job, "--output", "json"}).out,
          stack.produce({"list", "--output", "json"}).out, stack.produce({"list"}).out}) {
      CHECK_FALSE(has(told, "secret"));
    }
  }
  CHECK(status_of(stack, id)["result"] == "private");
  CHECK(status_of(stack, failed)["error"]["message"] == "private");
  CHECK(stack.produce({"wait", id}).out == "secret\n");  // who waits is told

  const HttpReply reply =
      stack.post("/v1/jobs", R"({"task": "echo", "args": ["secret"], "private": true})", {{"Prefer", "wait=10"}});
  CHECK(Json::parse(reply.body)["result"] == "secret");
  const std::string location = "/v1/jobs/" + Json::parse(reply.body)["id"].get<std::string>();
  CHECK(Json::parse(stack.get(location).body)["result"] == "private");
  CHECK_FALSE(has(stack.get(location + "?wait=5").body, "secret"));
}

TEST_CASE("it is told who paused a queue, and which jobs a consumer has since when") {
  Stack stack(two_slots(false));
  const std::string id = submitted(stack, {"sleep", "60000"});
  REQUIRE(eventually([&] { return status_of(stack, id)["state"] == "running"; }));
  const Json consumer = Json::parse(stack.produce({"consumers", "--output", "json"}).out).at(0);
  REQUIRE(consumer["runs"].size() == 1);
  CHECK(consumer["runs"][0]["id"] == id);
  CHECK(consumer["runs"][0]["task"] == "sleep");
  CHECK(consumer["runs"][0]["assigned_ms"].is_number());
  CHECK(has(stack.produce({"consumers", "--runs"}).out, id));
  CHECK_FALSE(has(stack.produce({"consumers"}).out, id));

  CHECK(stack.produce({"pause", "default", "--reason", "lunch"}).exit.code == 0);
  const auto queue = [&] { return Json::parse(stack.produce({"queues", "--output", "json"}).out).at(0); };
  const Json paused = queue();
  CHECK(paused["paused_by"].is_string());
  CHECK(paused["paused_ms"].is_number());
  stack.restart_broker();
  REQUIRE(eventually([&] { return stack.produce({"ping"}).exit.code == 0; }));
  CHECK(queue()["paused_by"] == paused["paused_by"]);
  CHECK(queue()["paused_ms"] == paused["paused_ms"]);
  CHECK(has(stack.produce({"queues"}).out, "lunch (" + paused["paused_by"].get<std::string>() + ")"));
}

TEST_CASE("progress is numbered, so that a reader who joins late finds its place") {
  const Stack stack(two_slots(false));
  Peer reader(stack.clients());
  reader.hello_client();
  const std::string id = submitted(stack, {"progress", "200", "20"});
  const JobId job = *Uuid::parse(id);
  REQUIRE(eventually([&] { return status_of(stack, id)["progress"].is_object(); }));
  // As docs/protocol.md says: WAIT, then QUERY, and the PROGRESS that comes before the answer is kept.
  reader.send(message::Wait{{job}});
  reader.send(message::Query{1, "jobs", {{job}}});
  std::string output;
  std::uint64_t offset = 0;
  bool is_joined = false;
  struct Piece {
    std::uint64_t offset;
    std::string output;
  };
  std::vector<Piece> pieces;
  std::uint64_t last_number = 0;
  while (pieces.size() < 5 || !is_joined) {
    const auto heard = reader.receive();
    if (const auto* reports = std::get_if<message::ProgressReports>(&heard->message)) {
      for (const message::ProgressReport& report : reports->jobs) {
        CHECK(report.number > last_number);
        last_number = report.number;
        pieces.push_back({report.offset, std::string(report.output)});
      }
    } else if (const auto* answer = std::get_if<message::Answer>(&heard->message)) {
      const Json progress = Json::from_msgpack(answer->value)[0]["progress"];
      REQUIRE(progress.is_object());
      output = progress["output"];
      offset = progress["offset"];
      is_joined = true;
    }
  }
  for (const Piece& piece : pieces) {
    const std::uint64_t end = offset + output.size();
    if (piece.offset + piece.output.size() <= end) continue;
    REQUIRE(piece.offset <= end);  // no gap
    output += piece.output.substr(end - piece.offset);
  }
  // Nothing is missing, and nothing is there twice.
  std::string expected;
  for (int step = 1; expected.size() < output.size(); ++step) {
    expected += "step " + std::to_string(step) + " took 20 ms\n";
  }
  CHECK(offset == 0);
  CHECK(output == expected);
}

TEST_CASE("what is reserved is refused at the broker in clear words") {
  const LoneBroker broker;
  Peer client(broker.clients);
  client.hello_client();
  const JobId id = Uuid::make();
  CHECK(id.shard() == 0);
  message::Submit submit{false, {{id, "fib", "default", Bytes("\x91\x1e", 2), {}}}};
  submit.jobs[0].options.priority = 9;
  std::string frame(encode(submit).bytes());
  const std::string priority("\xa8priority\x09", 10);
  frame.replace(frame.find(priority), priority.size(), std::string("\xa6weight\x09", 8));
  client.send_raw(frame);
  const auto heard = client.receive();
  const message::Refusal& refusal = heard->as<message::Refused>().jobs.at(0);
  CHECK(refusal.id == id);
  CHECK(refusal.code == ErrorCode::bad_job);
  CHECK(refusal.message == "the job option 'weight' is reserved: this version does not take it");
}

TEST_CASE("a broker that has moved ends a program with its words and where it is") {
  FakeBroker broker;
  Process ping({program("zebu-producer"), "ping", "--broker", broker.endpoint()});
  static_cast<void>(broker.hear_a<message::Hello>());
  message::About about;
  about.type = static_cast<std::uint8_t>(message::Type::hello);
  about.endpoints = {"tcp://ox-2:5555", "tcp://ox-3:5555"};
  broker.say(message::ErrorReport{ErrorCode::moved, "another broker has this", about});
  CHECK(ping.wait_exit().code == 1);
  CHECK(has(ping.err(), "another broker has this: tcp://ox-2:5555, tcp://ox-3:5555"));
}
