#include "tests/support/catch.h"
#include "tests/support/eventually.h"
#include "tests/support/http_jobs.h"
#include "zebu/ids.h"

#include <algorithm>
#include <csignal>
#include <map>
#include <set>
#include <sstream>

// Many jobs in one request.
using namespace zebu::test;
using namespace std::chrono_literals;
using Json = nlohmann::json;

namespace {

HttpReply post_lines(const Stack& stack, const std::string& body, HttpHeaders headers = {}) {
  headers["content-type"] = "application/x-ndjson";
  return http(stack.http_port(), {"POST", "/v1/jobs", std::move(headers), body}, 30s);
}

std::vector<Json> lines_of(const HttpReply& reply) {
  if (reply.status != 200) throw std::runtime_error(std::to_string(reply.status) + " " + reply.body);
  std::vector<Json> lines;
  std::istringstream text(reply.body);
  for (std::string line; std::getline(text, line);) lines.push_back(Json::parse(line));
  return lines;
}

// The front end has found its broker.
bool is_connected(const Stack& stack) {
  return eventually([&] { return stack.get("/v1/queues").status == 200; });
}

std::string problem_in(const Json& line) { return line["problem"]["type"].get<std::string>().substr(17); }

}  // namespace

TEST_CASE("a batch is answered line by line, and a wrong line costs itself only") {
  const Stack stack({.broker = {"--queue-limit", "1"}, .consumer = {"--test-tasks"}});
  REQUIRE(is_connected(stack));
  const HttpReply reply = post_lines(stack,
                                     "{\"task\":\"echo\",\"args\":[1]}\r\n"
                                     "\n"
                                     "{\"task\":\"echo\",\"arg\":[1]}\n"
                                     "nonsense\n"
                                     "{\"task\":\"nosuch\"}\n"
                                     "{\"task\":\"echo\",\"queue\":\"later\",\"options\":{\"delay_ms\":60000}}\n"
                                     "{\"task\":\"echo\",\"queue\":\"nobody\"}\n"
                                     "{\"task\":\"echo\",\"queue\":\"nobody\"}\n"
                                     "{\"task\":\"echo\",\"args\":[2],\"id\":\"not one\"}");
  CHECK(reply.header("content-type") == "application/x-ndjson");
  const auto lines = lines_of(reply);
  REQUIRE(lines.size() == 8);
  std::vector<int> numbers;
  for (const Json& line : lines) numbers.push_back(line["line"].get<int>());
  CHECK(numbers == std::vector<int>{1, 3, 4, 5, 6, 7, 8, 9});
  CHECK(lines[0]["state"] == "queued");
  CHECK(problem_in(lines[1]) == "bad_request");
  CHECK(lines[1]["problem"]["detail"].get<std::string>().find("unknown key \"arg\"") != std::string::npos);
  CHECK(problem_in(lines[2]) == "bad_request");
  CHECK(problem_in(lines[3]) == "unknown_task");
  CHECK(lines[4]["state"] == "scheduled");
  CHECK(lines[5]["state"] == "queued");
  CHECK(problem_in(lines[6]) == "queue_full");
  // An id would say that the broker may have the job.
  for (const int refused : {1, 2, 3, 6, 7}) CHECK_FALSE(lines[static_cast<std::size_t>(refused)].contains("id"));
  CHECK(lines[7]["problem"]["detail"] == "\"id\" must be a UUIDv7");
  const auto job = Json::parse(stack.get("/v1/jobs/" + lines[0]["id"].get<std::string>() + "?wait=10").body);
  CHECK(job["result"] == 1);
}

TEST_CASE("a batch that is sent again makes no job twice") {
  const Stack stack;
  REQUIRE(is_connected(stack));
  std::string body;
  for (int i = 0; i < 600; ++i) {
    const std::string id = zebu::Uuid::make().to_string();
    body += R"({"task":"echo","args":[)" + std::to_string(i) + R"(],"queue":"nobody","id":")" + id + "\"}\n";
  }
  const auto first = lines_of(post_lines(stack, body));
  const auto second = lines_of(post_lines(stack, body));
  REQUIRE(first.size() == 600);
  CHECK(first == second);
  CHECK(Json::parse(stack.get("/v1/queues/nobody").body)["queued"] == 600);
  // The order of a batch is that of its lines.
  CHECK(Json::parse(stack.get("/v1/jobs/" + first[599]["id"].get<std::string>()).body)["args"] == Json{599});
}

TEST_CASE("a unique key of a batch is held by the first line that has it") {
  const Stack stack;
  REQUIRE(is_connected(stack));
  const std::string line = R"({"task":"echo","args":[1],"queue":"nobody","options":{"unique":"k"}})"
                           "\n";
  const auto lines = lines_of(post_lines(stack, line + line));
  REQUIRE(lines.size() == 2);
  CHECK(lines[0]["state"] == "queued");
  CHECK(lines[1]["attached"] == true);
  CHECK(lines[1]["id"] == lines[0]["id"]);
}

TEST_CASE("a batch has limits that are named, and none is no fault") {
  Stack stack({.consumers = 0, .webfront = {"--max-body", "2MiB"}});
  REQUIRE(is_connected(stack));
  CHECK(lines_of(post_lines(stack, "")).empty());
  CHECK(lines_of(post_lines(stack, "\n\r\n \n")).empty());
  const HttpReply many = post_lines(stack, std::string(10'001, '\n'));
  CHECK(many.status == 413);
  CHECK(many.body.find("a batch has at most 10000 lines") != std::string::npos);
  CHECK(problem_of(post_lines(stack, "{}", {{"idempotency-key", "k"}})) == "bad_request");
  // A long line between short ones.
  const std::string large = R"({"task":"echo","queue":"q","args":[")" + std::string(1'000'000, 'x') + "\"]}\n";
  const std::string small = R"({"task":"echo","queue":"q"})"
                            "\n";
  const auto lines = lines_of(post_lines(stack, small + large + small));
  REQUIRE(lines.size() == 3);
  for (const Json& line : lines) CHECK(line["state"] == "queued");
  stack.kill_broker();
  // Until the front end notices, it is not known whether the broker has it.
  const auto away = lines_of(post_lines(stack, small));
  REQUIRE(away.size() == 1);
  CHECK((problem_in(away[0]) == "broker_away" || problem_in(away[0]) == "unconfirmed"));
}

TEST_CASE("a front end that stops while the broker stands still answers a batch all the same") {
  Stack stack({.consumers = 0, .webfront = {"--drain-delay", "0s", "--grace", "200ms"}});
  REQUIRE(is_connected(stack));
  std::string body;
  for (int i = 0; i < 600; ++i)
    body += R"({"task":"echo","queue":"q"})"
            "\n";
  stack.broker().signal(SIGSTOP);
  HttpConnection client(stack.http_port());
  client.send(to_bytes({"POST", "/v1/jobs", {{"content-type", "application/x-ndjson"}}, body}));
  // What another connection asks later is answered later.
  for (int i = 0; i < 3; ++i) CHECK(stack.get("/fast").status == 200);
  stack.webfront().signal(SIGTERM);
  const auto lines = lines_of(client.receive());
  stack.broker().signal(SIGCONT);
  // The first part was sent, and the rest was not.
  REQUIRE(lines.size() > 1);
  CHECK(problem_in(lines.front()) == "unconfirmed");
  CHECK(lines.front().contains("id"));
  CHECK(problem_in(lines.back()) == "stopping");
  CHECK_FALSE(lines.back().contains("id"));
}

TEST_CASE("a batch that waits is answered as its jobs end, each with its outcome") {
  const Stack stack(two_slots());
  REQUIRE(is_connected(stack));
  HttpConnection client(stack.http_port());
  client.send(to_bytes({"POST",
                        "/v1/jobs",
                        {{"content-type", "application/x-ndjson"}, {"prefer", "wait=60"}},
                        "{\"task\":\"sleep\",\"args\":[1500]}\n"
                        "\n"
                        "{\"task\":\"echo\",\"args\":[{\"a\":1.0}]}\n"
                        "nonsense\n"
                        "{\"task\":\"fail\",\"args\":[\"boo\"]}\n"
                        "{\"task\":\"nosuch\"}\n"
                        "{\"task\":\"echo\",\"queue\":\"nobody\"}\n"}));
  const HttpReply head = client.receive(20s, true);
  CHECK(head.status == 200);
  CHECK(head.header("content-type") == "application/x-ndjson");
  CHECK(head.header("preference-applied") == "wait=60");
  std::string text;
  for (std::string chunk; !(chunk = client.receive_chunk(20s)).empty();) {
    text += chunk;
    // The slow job's line comes by itself, behind all others.
    if (text.find("\"line\":1,") == std::string::npos) CHECK(std::count(text.begin(), text.end(), '\n') <= 5);
  }
  std::map<int, Json> lines;
  std::vector<int> order;
  std::istringstream all(text);
  for (std::string line; std::getline(all, line);) {
    const Json parsed = Json::parse(line);
    order.push_back(parsed["line"]);
    lines[parsed["line"]] = parsed;
  }
  REQUIRE(lines.size() == 6);
  CHECK(order.size() == 6);
  CHECK(order.back() == 1);
  CHECK(lines[1]["result"] == 1500);
  CHECK(lines[1]["state"] == "succeeded");
  CHECK(lines[3]["result"] == Json{{"a", 1.0}});
  CHECK(lines[3].contains("run_us"));
  CHECK(problem_in(lines[4]) == "bad_request");
  CHECK(lines[5]["state"] == "failed");
  CHECK(lines[5]["error"]["message"] == "boo");
  CHECK(problem_in(lines[6]) == "unknown_task");
  // As a single job that is waited for.
  CHECK(problem_in(lines[7]) == "no_consumer");
  for (const int refused : {4, 6, 7}) CHECK_FALSE(lines[refused].contains("id"));
  CHECK(client.request({.target = "/fast"}).body == "Hello!");
}

TEST_CASE("a batch of thousands of jobs is waited for, a bounded number at a time") {
  const Stack stack({.consumer = {"--pool", "threads", "--slots", "2"}});
  REQUIRE(is_connected(stack));
  std::string body;
  for (int i = 1; i <= 5000; ++i) body += R"({"task":"echo","args":[)" + std::to_string(i) + "],\"transient\":true}\n";
  const auto lines = lines_of(post_lines(stack, body, {{"prefer", "wait=60"}}));
  REQUIRE(lines.size() == 5000);
  std::set<int> seen;
  for (const Json& line : lines) {
    seen.insert(line["line"].get<int>());
    CHECK(line["result"] == line["line"]);
  }
  CHECK(seen.size() == 5000);
}

TEST_CASE("when the wait is over, a batch tells the rest without outcomes, and submits it") {
  const Stack stack(two_slots());
  REQUIRE(is_connected(stack));
  std::string body = R"({"task":"echo","args":[1]})"
                     "\n";
  for (int i = 0; i < 2000; ++i)
    body += R"({"task":"sleep","args":[60000]})"
            "\n";
  const auto lines = lines_of(post_lines(stack, body, {{"prefer", "wait=1"}}));
  REQUIRE(lines.size() == 2001);
  CHECK(lines[0]["result"] == 1);
  for (std::size_t i = 1; i < lines.size(); ++i) {
    CHECK(lines[i]["line"].get<std::size_t>() == i + 1);
    CHECK(lines[i]["state"] == "queued");
    CHECK(lines[i].contains("id"));
  }
  CHECK(Json::parse(stack.get("/v1/queues/default/backlog").body)["backlog"] == 2000);
  const auto none = lines_of(post_lines(stack, body.substr(0, 30), {{"prefer", "wait=0"}}));
  REQUIRE(none.size() >= 1);
  CHECK(none[0]["state"] == "queued");
}

TEST_CASE("a client that hangs up on a waited batch cancels the transient jobs that only it knows") {
  const Stack stack(two_slots());
  REQUIRE(is_connected(stack));
  const std::string own = zebu::Uuid::make().to_string();
  HttpConnection client(stack.http_port());
  client.send(to_bytes({"POST",
                        "/v1/jobs",
                        {{"content-type", "application/x-ndjson"}, {"prefer", "wait=60"}},
                        "{\"task\":\"sleep\",\"args\":[60000],\"transient\":true}\n"
                        "{\"task\":\"sleep\",\"args\":[60000],\"transient\":true,\"id\":\"" +
                            own + "\"}\n"}));
  client.receive(20s, true);
  REQUIRE(eventually([&] { return running(stack) == 2; }));
  client.close();
  CHECK(eventually([&] { return running(stack) == 1; }));
  CHECK(Json::parse(stack.get("/v1/jobs/" + own).body)["state"] == "running");
}

TEST_CASE("a waited batch shares a unique key's job, and tells of it twice") {
  const Stack stack(two_slots());
  REQUIRE(is_connected(stack));
  const std::string line = R"({"task":"echo","args":[1],"options":{"unique":"k","unique_for_ms":60000}})"
                           "\n";
  auto lines = lines_of(post_lines(stack, line + line, {{"prefer", "wait=30"}}));
  REQUIRE(lines.size() == 2);
  CHECK(lines[0]["id"] == lines[1]["id"]);
  for (const Json& each : lines) {
    CHECK(each["result"] == 1);
    CHECK(each.value("attached", false) == (each["line"] == 2));
  }
}

TEST_CASE("a front end that stops in a waited batch says what becomes of each line") {
  Stack stack({.consumer = {"--test-tasks"}, .webfront = {"--drain-delay", "0s", "--grace", "200ms"}});
  REQUIRE(is_connected(stack));
  std::string body;
  for (int i = 0; i < 2000; ++i)
    body += R"({"task":"sleep","args":[60000]})"
            "\n";
  HttpConnection client(stack.http_port());
  client.send(to_bytes({"POST", "/v1/jobs", {{"content-type", "application/x-ndjson"}, {"prefer", "wait=60"}}, body}));
  client.receive(20s, true);
  // As many as are under way at a time.
  REQUIRE(eventually([&] { return Json::parse(stack.get("/v1/queues/default/backlog").body)["backlog"] == 1024; }));
  stack.webfront().signal(SIGTERM);
  std::string text;
  for (std::string chunk; !(chunk = client.receive_chunk(20s)).empty();) text += chunk;
  const auto lines = lines_of({.status = 200, .headers = {}, .body = text});
  REQUIRE(lines.size() == 1025);
  CHECK(lines.front()["state"] == "queued");
  CHECK(problem_in(lines.back()) == "stopping");
  CHECK(lines.back()["line"] == 1025);
}

TEST_CASE("outcomes that a client does not read wait within bounds") {
  const Stack stack({.consumers = 2,
                     .consumer = {"--pool", "threads"},
                     .webfront = {"--max-body", "64MiB", "--max-buffered", "8MiB"}});
  REQUIRE(is_connected(stack));
  // 100 results of 200 kB: more than the budget and what the kernel takes.
  const std::string text(200'000, 'x');
  std::string body;
  for (int i = 0; i < 100; ++i) body += R"({"task":"echo","transient":true,"args":[")" + text + "\"]}\n";
  HttpConnection client(stack.http_port());
  client.send(to_bytes({"POST", "/v1/jobs", {{"content-type", "application/x-ndjson"}, {"prefer", "wait=60"}}, body}));
  client.receive(30s, true);
  // All have ended before it reads.
  REQUIRE(eventually([&] { return stack.get("/fast").status == 200 && running(stack) == 0; }, 30s));
  std::string all;
  for (std::string chunk; !(chunk = client.receive_chunk(30s)).empty();) all += chunk;
  const auto lines = lines_of({.status = 200, .headers = {}, .body = all});
  CHECK(lines.size() == 100);
  for (const Json& line : lines) {
    CHECK(line.contains("id"));
    CHECK((line.contains("result") || problem_in(line) == "overloaded"));
  }
}
