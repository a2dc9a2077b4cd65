#include "tests/support/catch.h"
#include "tests/support/eventually.h"
#include "tests/support/http_jobs.h"
#include "zebu/ids.h"

#include <csignal>
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
