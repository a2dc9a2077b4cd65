#include "tests/support/catch.h"
#include "tests/support/event_reader.h"
#include "tests/support/eventually.h"
#include "tests/support/http_jobs.h"
#include "tests/support/paths.h"
#include "tests/support/stack.h"

#include <csignal>
#include <fstream>

// The events of a job over HTTP.
using namespace zebu::test;
using namespace std::chrono_literals;
using Json = nlohmann::json;

namespace {

std::string submit_followed(const Stack& stack, const std::string& job) {
  HttpReply reply;
  // The front end may not have found its broker yet.
  static_cast<void>(eventually([&] { return (reply = stack.post("/v1/jobs", job)).status != 503; }));
  if (reply.status != 202) throw std::runtime_error(reply.body);
  return Json::parse(reply.body)["id"];
}

std::string events_of(const std::string& id) { return "/v1/jobs/" + id + "/events"; }

// What the task `progress` prints.
std::string output_of_steps(int steps, int ms) {
  std::string output;
  for (int step = 1; step <= steps; ++step) {
    output += "step " + std::to_string(step) + " took " + std::to_string(ms) + " ms\n";
  }
  return output;
}

// A second front end of the same broker.
struct OtherFront {
  explicit OtherFront(const Stack& stack)
      : process(ProcessOptions{
            .command = {program("zebu-webfront"), "--broker", stack.clients(), "--listen", "127.0.0.1:0"}}) {
    const std::string address = ready_field(process.wait_for_line("zebu-webfront ready"), "http");
    port = static_cast<std::uint16_t>(std::stoul(address.substr(address.rfind(':') + 1)));
    if (!eventually([&] { return http_get(port, "/v1/queues").status == 200; })) throw std::runtime_error("no broker");
  }

  Process process;
  std::uint16_t port = 0;
};

}  // namespace

TEST_CASE("the events of a job are its states, its progress and its outcome, and then the stream ends") {
  const Stack stack(two_slots());
  const std::string id = submit_followed(stack, R"({"task": "progress", "args": [5, 100]})");
  EventReader reader(stack.http_port(), id);
  CHECK(reader.head().header("content-type") == "text/event-stream");
  CHECK(reader.head().header("cache-control") == "no-store");
  CHECK(reader.head().header("x-accel-buffering") == "no");
  const auto events = reader.rest();
  REQUIRE(events.size() >= 4);
  CHECK(events.front().name == "state");
  CHECK(events.front().data["id"] == id);
  std::string output;
  std::string last_state;
  Json last;
  for (const JobEvent& event : events) {
    if (event.name == "state") last_state = event.data["state"];
    if (event.name != "progress") continue;
    last = event.data;
    CHECK(event.data["offset"] == output.size());
    output += event.data["output"].get<std::string>();
  }
  CHECK(last_state == "running");
  CHECK(output == output_of_steps(5, 100));
  CHECK(last["done"] == 1.0);
  CHECK(last["note"] == "5 of 5");
  CHECK(last["attempt"] == 1);
  const JobEvent& outcome = events.back();
  CHECK(outcome.name == "outcome");
  CHECK(outcome.data["id"] == id);
  CHECK(outcome.data["state"] == "succeeded");
  CHECK(outcome.data["result"] == 5);
  CHECK(outcome.id.starts_with("succeeded-1-"));
  // The connection goes on.
  CHECK(reader.connection().request({.target = "/fast"}).body == "Hello!");

  // A job that has ended gives its outcome at once, and a reader that has it is told to stay away.
  const auto again = EventReader(stack.http_port(), id).rest();
  REQUIRE(again.size() == 1);
  CHECK(again[0].name == "outcome");
  CHECK(again[0].data == outcome.data);
  for (const std::string& has : {outcome.id, again[0].id}) {
    const HttpReply none = http(stack.http_port(), {.target = events_of(id), .headers = {{"Last-Event-ID", has}}});
    CHECK(none.status == 204);
    CHECK(none.body.empty());
  }
}

TEST_CASE("a job that fails, is cancelled or expires has that as its outcome") {
  const Stack stack(two_slots());
  const std::string failed = submit_followed(stack, R"({"task": "fail", "args": ["boo"]})");
  EventReader fails(stack.http_port(), failed);
  const JobEvent failure = fails.until("outcome");
  CHECK(failure.data["state"] == "failed");
  CHECK(failure.data["error"]["message"] == "boo");
  CHECK(failure.data == EventReader(stack.http_port(), failed).until("outcome").data);
  const std::string waits = submit_followed(stack, R"({"task": "echo", "queue": "nobody"})");
  EventReader cancelled(stack.http_port(), waits);
  CHECK(cancelled.next()->data["state"] == "queued");
  CHECK(stack.post("/v1/jobs/" + waits + "/cancel", "").status == 200);
  CHECK(cancelled.until("outcome").data["state"] == "cancelled");
  CHECK_FALSE(cancelled.next());
  const std::string late =
      submit_followed(stack, R"({"task": "echo", "queue": "nobody", "options": {"expires_in_ms": 200}})");
  CHECK(EventReader(stack.http_port(), late).until("outcome").data["state"] == "expired");
}

TEST_CASE("a state is told of a job that says nothing itself") {
  Stack stack({.consumers = 0, .consumer = {"--drain-timeout", "100ms"}});
  const std::string id = submit_followed(stack, R"({"task": "sleep", "args": [60000], "options": {"retries": 1}})");
  EventReader reader(stack.http_port(), id);
  EventReader other(stack.http_port(), id);
  CHECK(reader.next()->data == Json{{"id", id}, {"state", "queued"}, {"attempt", 0}});
  stack.add_consumer();
  const auto running = reader.next();
  CHECK(running->id == "running-1-0-0");
  CHECK(running->data["state"] == "running");
  CHECK(other.next()->data["state"] == "queued");
  CHECK(other.next()->data["state"] == "running");
  // Its consumer leaves and takes nothing along.
  stack.consumer(0).signal(SIGTERM);
  stack.consumer(0).wait_exit();
  CHECK(reader.next()->data["state"] == "queued");
  stack.post("/v1/jobs/" + id + "/cancel", "");
  CHECK(reader.until("outcome").data["state"] == "cancelled");
}

TEST_CASE("a reader goes on at another front end without gap or repeat") {
  const Stack stack(two_slots());
  const OtherFront other(stack);
  const std::string id = submit_followed(stack, R"({"task": "progress", "args": [60, 50]})");
  std::string output;
  std::string last;
  int states = 0;
  for (int round = 0; round < 100; ++round) {
    const HttpHeaders headers = last.empty() ? HttpHeaders{} : HttpHeaders{{"Last-Event-ID", last}};
    EventReader reader(round % 2 == 0 ? stack.http_port() : other.port, id, headers);
    // Two of progress from each.
    for (int heard = 0; heard < 2;) {
      const auto event = reader.next();
      REQUIRE(event);
      last = event->id;
      if (event->name == "outcome") {
        CHECK(output == output_of_steps(60, 50));
        CHECK(states <= 2);
        CHECK(round > 3);
        return;
      }
      if (event->name == "state") ++states;
      if (event->name != "progress") continue;
      ++heard;
      CHECK(event->data["offset"] == output.size());
      output += event->data["output"].get<std::string>();
    }
  }
  FAIL("no outcome came");
}

TEST_CASE("what is no id of an event begins the events anew") {
  const Stack stack(two_slots());
  const std::string id = submit_followed(stack, R"({"task": "echo", "queue": "nobody"})");
  for (const std::string& garbage :
       {std::string("7"), std::string("\xff\xe4"), std::string(4000, 'x'), std::string("succeeded-1-0-0"),
        std::string("running-4294967295-18446744073709551615-18446744073709551615"), std::string("queued-0-0")}) {
    INFO(garbage);
    EventReader reader(stack.http_port(), id, {{"Last-Event-ID", garbage}});
    CHECK(reader.next()->data["state"] == "queued");
  }
  EventReader reader(stack.http_port(), id, {{"Last-Event-ID", "queued-0-0-0"}});
  stack.post("/v1/jobs/" + id + "/cancel", "");
  CHECK(reader.next()->name == "outcome");
}

TEST_CASE("the route of events knows its methods, its ids and old clients") {
  const Stack stack(two_slots());
  const std::string id = submit_followed(stack, R"({"task": "echo", "args": [7]})");
  const std::string target = events_of(id);
  REQUIRE(stack.get("/v1/jobs/" + id + "?wait=20").status == 200);
  CHECK(problem_of(stack.get(events_of(kUnknown))) == "unknown_job");
  CHECK(stack.get(events_of("7")).status == 400);
  HttpConnection client(stack.http_port());
  const HttpReply head = client.request({.method = "HEAD", .target = target});
  CHECK(head.status == 200);
  CHECK(head.header("content-type") == "text/event-stream");
  CHECK(client.request({.method = "HEAD", .target = events_of(kUnknown)}).status == 404);
  CHECK(client.request({.method = "OPTIONS", .target = target}).header("allow") == "GET, HEAD, OPTIONS");
  CHECK(client.request({.method = "POST", .target = target, .body = "x"}).status == 405);
  client.send("GET " + target + " HTTP/1.0\r\n\r\n");
  const HttpReply old = client.receive();
  CHECK_FALSE(old.has("transfer-encoding"));
  CHECK(old.body.find("event: outcome\nid: succeeded-1-0-0\ndata: {") != std::string::npos);
  CHECK(old.body.ends_with("\n\n"));
  CHECK(client.closes());
}

TEST_CASE("the events of a private job show no text of it") {
  const Stack stack(two_slots());
  const std::string id = submit_followed(stack, R"({"task": "progress", "args": [3, 100], "private": true})");
  for (int i = 0; i < 2; ++i) {
    const auto events = EventReader(stack.http_port(), id).rest();
    CHECK(events.back().data["state"] == "succeeded");
    CHECK(events.back().data["result"] == "private");
    for (const JobEvent& event : events) CHECK(event.data.dump().find("step") == std::string::npos);
  }
  const std::string fails = submit_followed(stack, R"({"task": "fail", "args": ["secret"], "private": true})");
  const JobEvent failure = EventReader(stack.http_port(), fails).until("outcome");
  CHECK(failure.data["error"]["message"] == "private");
}

TEST_CASE("events say that the broker is away, and go on when it is back") {
  Stack stack(two_slots());
  const std::string id = submit_followed(stack, R"({"task": "progress", "args": [20, 200]})");
  const std::string lost = submit_followed(stack, R"({"task": "sleep", "args": [60000], "transient": true})");
  EventReader reader(stack.http_port(), id);
  EventReader other(stack.http_port(), lost);
  std::string output = reader.until("progress").data["output"];
  CHECK(other.until("state").data["id"] == lost);
  stack.kill_broker();
  bool is_away = false;
  while (!is_away) {
    const auto event = reader.next();
    REQUIRE(event);
    is_away = event->name == "disconnected";
    if (event->name == "progress") output += event->data["output"].get<std::string>();
  }
  // Nobody who comes now is served.
  CHECK(problem_of(stack.get(events_of(id))) == "broker_away");
  stack.start_broker();
  const auto back = reader.next();
  REQUIRE(back);
  CHECK(back->name == "state");
  const auto rest = reader.rest();
  for (const JobEvent& event : rest) {
    if (event.name != "progress") continue;
    CHECK(event.data["offset"].get<std::size_t>() >= output.size());
    output.resize(event.data["offset"].get<std::size_t>(), '?');  // what nobody has heard while the broker was away
    output += event.data["output"].get<std::string>();
  }
  CHECK(rest.back().name == "outcome");
  CHECK(rest.back().data["state"] == "succeeded");
  CHECK(output.size() == output_of_steps(20, 200).size());
  // The broker has lost the other one.
  CHECK(other.until("gone").data["type"] == "urn:zebu:problem:job_lost");
  CHECK_FALSE(other.next());
}

TEST_CASE("a front end that stops ends its streams in order, and at once") {
  Stack stack({.consumers = 0, .webfront = {"--drain-delay", "0s", "--grace", "10m"}});
  const std::string id = submit_followed(stack, R"({"task": "echo", "queue": "nobody"})");
  EventReader reader(stack.http_port(), id);
  CHECK(reader.next()->name == "state");
  stack.webfront().signal(SIGTERM);
  CHECK_FALSE(reader.next());
  CHECK(stack.webfront().wait_exit().code == 0);
}

TEST_CASE("a reader that hangs up leaves nothing behind, however many there are") {
  const Stack stack({.consumers = 0});
  const std::string id = submit_followed(stack, R"({"task": "echo", "queue": "nobody"})");
  std::vector<EventReader> readers;
  for (int i = 0; i < 200; ++i) readers.emplace_back(stack.http_port(), id);
  for (EventReader& reader : readers) CHECK(reader.next()->data["state"] == "queued");
  EventReader stays(stack.http_port(), id);
  readers.clear();
  stack.post("/v1/jobs/" + id + "/cancel", "");
  CHECK(stays.until("outcome").data["state"] == "cancelled");
  CHECK(EventReader(stack.http_port(), id).rest().size() == 1);
}

TEST_CASE("a large result is the outcome of one event") {
  const Stack stack({.webfront = {"--max-body", "4MiB"}});
  const std::string text(2'000'000, 'x');
  const std::string id = submit_followed(stack, R"({"task": "echo", "args": [")" + text + "\"]}");
  CHECK(EventReader(stack.http_port(), id).until("outcome").data["result"] == text);
  CHECK(EventReader(stack.http_port(), id).until("outcome").data["result"] == text);
}

TEST_CASE("a token that is taken out ends the events that it has opened") {
  TempDir folder;
  const std::string file = (folder.path() / "tokens.toml").string();
  const auto make = [&](const std::string& name) {
    const Finished made =
        run({.command = {program("zebu-webfront"), "token", name, "--rights", "read,submit", "--tokens", file}});
    REQUIRE(made.exit.code == 0);
    return "Bearer " + made.out.substr(0, made.out.find('\n'));
  };
  const std::string token = make("reader");
  const Stack stack({.consumers = 0, .webfront = {"--tokens", file}});
  HttpReply submitted;
  REQUIRE(eventually([&] {
    submitted = stack.post("/v1/jobs", R"({"task": "echo", "queue": "nobody"})", {{"Authorization", token}});
    return submitted.status == 202;
  }));
  EventReader reader(stack.http_port(), Json::parse(submitted.body)["id"], {{"Authorization", token}});
  CHECK(reader.next()->name == "state");
  std::ofstream(file, std::ios::trunc) << "";
  // With the next comment, within 15 s.
  CHECK_FALSE(reader.next(30s));
}
