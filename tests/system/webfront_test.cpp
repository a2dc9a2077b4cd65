#include "tests/support/catch.h"
#include "tests/support/eventually.h"
#include "tests/support/http_jobs.h"
#include "tests/support/paths.h"
#include "tests/support/stack.h"

#include <nlohmann/json.hpp>

#include <csignal>
#include <future>

using namespace zebu::test;
using namespace std::chrono_literals;
using Json = nlohmann::json;

namespace {

constexpr const char* kFast = "GET /fast HTTP/1.1\r\nHost: x\r\n\r\n";

StackOptions with_consumer() { return {.consumer = {"--slots", "2", "--test-tasks"}}; }

StackOptions without_consumer(std::vector<std::string> webfront = {}) {
  return {.consumers = 0, .webfront = std::move(webfront)};
}

Json problem_document(const HttpReply& reply) {
  REQUIRE(reply.header("content-type") == "application/problem+json");
  Json problem = Json::parse(reply.body);
  CHECK(problem["status"] == reply.status);
  return problem;
}

std::string post_bytes(const std::string& headers, const std::string& body) {
  return "POST /v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" + headers + "\r\n" + body;
}

}  // namespace

TEST_CASE("work over HTTP is done by a consumer") {
  Stack stack(with_consumer());
  CHECK(stack.get("/fib/30").body == "832040");
  CHECK(stack.get("/fast").body == "Hello!");
  CHECK(stack.get("/fast?id=a%20b").body == "a b");
  CHECK(stack.get("/readyz").status == 200);
  const Json slow = Json::parse(stack.get("/slow?id=7").body);
  CHECK(slow["id"] == "7");
  CHECK(slow["seconds"].get<double>() > 0);
}

TEST_CASE("a job is submitted, found at its Location, and waited for") {
  Stack stack(with_consumer());
  const HttpReply accepted = stack.post("/v1/jobs", R"({"task": "fib", "args": [20]})");
  REQUIRE(accepted.status == 202);
  const std::string location = accepted.header("location");
  CHECK(location == "/v1/jobs/" + Json::parse(accepted.body)["id"].get<std::string>());
  const HttpReply job = stack.get(location + "?wait=10");
  CHECK(job.status == 200);
  CHECK(Json::parse(job.body)["result"] == 6765);
  CHECK(Json::parse(job.body)["state"] == "succeeded");
  CHECK(Json::parse(stack.get(location).body)["result"] == 6765);
}

TEST_CASE("Prefer: wait answers with the outcome, or in time without it") {
  Stack stack(with_consumer());
  const HttpReply done = stack.post("/v1/jobs", R"({"task": "fib", "args": [20]})", {{"Prefer", "wait=10"}});
  CHECK(done.status == 200);
  CHECK(done.header("preference-applied") == "wait=10");
  CHECK(Json::parse(done.body)["result"] == 6765);
  const HttpReply late = stack.post("/v1/jobs", R"({"task": "sleep", "args": [30000]})", {{"Prefer", "wait=0"}});
  CHECK(late.status == 202);
  CHECK(stack.get(late.header("location")).status == 200);
}

TEST_CASE("a wait that passes answers with the state that the job has then") {
  Stack stack(with_consumer());
  const std::string sleep = R"({"task": "sleep", "args": [30000]})";
  const HttpReply runs = stack.post("/v1/jobs", sleep, {{"Prefer", "wait=1"}});
  CHECK(runs.status == 202);
  CHECK(Json::parse(runs.body)["state"] == "running");

  const HttpReply later =
      stack.post("/v1/jobs", R"({"task": "echo", "options": {"delay_ms": 60000}})", {{"Prefer", "wait=0"}});
  CHECK(later.status == 202);
  CHECK(Json::parse(later.body)["state"] == "scheduled");

  // The broker does not answer now: the last known state is better than an error.
  auto silent = std::async(std::launch::async, [&] { return stack.post("/v1/jobs", sleep, {{"Prefer", "wait=2"}}); });
  REQUIRE(eventually([&] { return running(stack) == 2; }));
  stack.broker().signal(SIGSTOP);
  CHECK(silent.get().status == 202);
  stack.broker().signal(SIGCONT);
}

TEST_CASE("a wait of any number of seconds is cut to the limit") {
  Stack stack(with_consumer());
  const std::string echo = R"({"task": "echo", "args": [1]})";
  const HttpReply done = stack.post("/v1/jobs", echo, {{"Prefer", "wait=99999999999999999999"}});
  CHECK(done.status == 200);
  CHECK(done.header("preference-applied") == "wait=60");
  CHECK(stack.get(done.header("location") + "?wait=99999999999999999999").status == 200);
}

TEST_CASE("a failed job's type, message and trace reach the caller") {
  Stack stack(with_consumer());
  const std::string body = R"({"task": "fail", "args": ["boo"]})";
  const HttpReply failed = stack.post("/v1/jobs", body, {{"Prefer", "wait=10"}});
  CHECK(failed.status == 200);
  const Json job = Json::parse(failed.body);
  CHECK(job["state"] == "failed");
  CHECK(job["error"]["type"] == "std::runtime_error");
  CHECK(job["error"]["message"] == "boo");
  CHECK(job["error"]["trace"].is_array());
  CHECK(Json::parse(stack.get(failed.header("location")).body)["error"]["message"] == "boo");
}

TEST_CASE("a job that the broker refuses is a problem with its own status") {
  Stack stack(with_consumer());
  const HttpHeaders wait = {{"Prefer", "wait=5"}};
  const HttpReply unknown_task = stack.post("/v1/jobs", R"({"task": "nope"})", wait);
  CHECK(unknown_task.status == 422);
  CHECK(problem_document(unknown_task)["detail"].get<std::string>().find("nope") != std::string::npos);
  const HttpReply unserved = stack.post("/v1/jobs", R"({"task": "fib", "args": [1], "queue": "q"})", wait);
  CHECK(unserved.status == 503);
  CHECK(unserved.has("retry-after"));
  CHECK(problem_document(unserved)["type"] == "urn:zebu:problem:no_consumer");
}

TEST_CASE("mistakes in requests are told apart") {
  Stack stack(without_consumer());
  const auto status = [&](const std::string& target) { return stack.get(target).status; };
  REQUIRE(eventually([&] { return status("/v1/jobs/0192f3a4-0000-7000-8000-000000000000") == 404; }));
  CHECK(status("/nothing") == 404);
  CHECK(status("/fib/94") == 400);
  CHECK(status("/fib/-1") == 400);
  CHECK(status("/fib/%zz") == 400);
  CHECK(status("/v1/jobs/7") == 400);
  CHECK(status("/v1/jobs/0192f3a4-0000-7000-8000-000000000000?wait=x") == 400);
  CHECK(status("/fib/1") == 503);
  CHECK(status("/readyz") == 503);
  CHECK(status("/healthz") == 200);
  CHECK(problem_document(stack.post("/v1/jobs", "{\"task\" 1}"))["detail"] == "malformed JSON at byte 9 of the body");
  CHECK(problem_document(stack.post("/v1/jobs", R"({"task": "a", "x": 1})"))["detail"].get<std::string>().find(
            "\"x\"") != std::string::npos);
  const HttpReply form =
      http(stack.http_port(),
           {.method = "POST", .target = "/v1/jobs", .headers = {{"Content-Type", "text/plain"}}, .body = "{}"});
  CHECK(form.status == 415);
}

TEST_CASE("a wrong method gets the list of right ones, and so does OPTIONS") {
  Stack stack(without_consumer());
  const HttpReply wrong = http(stack.http_port(), {.method = "DELETE", .target = "/v1/jobs"});
  CHECK(wrong.status == 405);
  CHECK(wrong.header("allow") == "GET, HEAD, POST, OPTIONS");
  HttpConnection connection(stack.http_port());
  connection.send("OPTIONS /fast HTTP/1.1\r\nHost: x\r\n\r\n");
  const HttpReply options = connection.receive(10s, true);
  CHECK(options.status == 204);
  CHECK(options.header("allow") == "GET, HEAD, OPTIONS");
}

TEST_CASE("HEAD has GET's headers and no body, and the connection stays") {
  Stack stack(without_consumer());
  HttpConnection connection(stack.http_port());
  connection.send("HEAD /fast HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(connection.receive(10s, true).header("content-length") == "6");
  connection.send(kFast);
  CHECK(connection.receive().body == "Hello!");
}

TEST_CASE("pipelined requests are answered in order, the fast ones behind a slow one too") {
  Stack stack(with_consumer());
  HttpConnection connection(stack.http_port());
  connection.send("GET /fast?id=1 HTTP/1.1\r\nHost: x\r\n\r\nGET /fib/25 HTTP/1.1\r\nHost: x\r\n\r\n" +
                  std::string("GET /fast?id=3 HTTP/1.1\r\nHost: x\r\n\r\nGET /fa"));
  CHECK(connection.receive().body == "1");
  CHECK(connection.receive().body == "75025");
  CHECK(connection.receive().body == "3");
  connection.send("st HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const HttpReply last = connection.receive();
  CHECK(last.body == "Hello!");
  CHECK(last.header("connection") == "close");
  CHECK(connection.closes());
}

TEST_CASE("HTTP/1.0 closes unless asked not to") {
  Stack stack(without_consumer());
  HttpConnection plain(stack.http_port());
  plain.send("GET /fast HTTP/1.0\r\n\r\n");
  CHECK(plain.receive().body == "Hello!");
  CHECK(plain.closes());
  HttpConnection kept(stack.http_port());
  kept.send("GET /fast HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  CHECK(kept.receive().header("connection") == "keep-alive");
  kept.send(kFast);
  CHECK(kept.receive().body == "Hello!");
}

TEST_CASE("Expect: 100-continue is answered before the body comes") {
  Stack stack(with_consumer());
  HttpConnection connection(stack.http_port());
  const std::string body = R"({"task": "fib", "args": [5]})";
  connection.send(post_bytes("Expect: 100-continue\r\nContent-Length: " + std::to_string(body.size()) + "\r\n", ""));
  CHECK(connection.receive(10s, true).status == 100);
  connection.send(body);
  CHECK(connection.receive().status == 202);
}

TEST_CASE("a body may come in chunks") {
  Stack stack(with_consumer());
  HttpConnection connection(stack.http_port());
  connection.send(post_bytes("Transfer-Encoding: chunked\r\n", "9\r\n{\"task\": \r\n"));
  connection.send("7\r\n\"echo\"}\r\n0\r\n\r\n");
  CHECK(connection.receive().status == 202);
}

TEST_CASE("a request that is too large is refused, and the connection closed") {
  Stack stack(without_consumer({"--max-body", "1000"}));
  HttpConnection body(stack.http_port());
  body.send(post_bytes("Content-Length: 1001\r\n", std::string(1001, ' ')));
  CHECK(body.receive().status == 413);
  CHECK(body.closes());
  HttpConnection header(stack.http_port());
  header.send("GET /fast HTTP/1.1\r\nX: " + std::string(9000, 'x'));
  CHECK(header.receive().status == 431);
  CHECK(header.closes());
}

TEST_CASE("a client that sends too slowly gets 408, an idle one is let go") {
  Stack stack(without_consumer({"--header-timeout", "300ms", "--body-timeout", "300ms", "--idle-timeout", "300ms"}));
  HttpConnection header(stack.http_port());
  header.send("GET /fa");
  CHECK(header.receive().status == 408);
  CHECK(header.closes());
  HttpConnection body(stack.http_port());
  body.send(post_bytes("Content-Length: 10\r\n", "{"));
  CHECK(body.receive().status == 408);
  HttpConnection idle(stack.http_port());
  idle.send(kFast);
  CHECK(idle.receive().status == 200);
  CHECK(idle.closes());
}

TEST_CASE("one connection too many is refused politely") {
  Stack stack(without_consumer({"--max-connections", "2"}));
  HttpConnection first(stack.http_port());
  HttpConnection second(stack.http_port());
  for (HttpConnection* connection : {&first, &second}) {
    connection->send(kFast);
    CHECK(connection->receive().status == 200);
  }
  HttpConnection third(stack.http_port());
  third.send(kFast);
  const HttpReply refusal = third.receive();
  CHECK(refusal.status == 503);
  CHECK(problem_document(refusal)["type"] == "urn:zebu:problem:overloaded");
  first.close();
  CHECK(eventually([&] { return stack.get("/fast").status == 200; }));
}

TEST_CASE("a client that hangs up ends its running job") {
  Stack stack(with_consumer());
  {
    HttpConnection client(stack.http_port());
    client.send("GET /fib/60 HTTP/1.1\r\nHost: x\r\n\r\n");
    REQUIRE(eventually([&] { return running(stack) == 1; }));
    client.send(kFast);  // a pipelined request is no hang-up
    CHECK(stack.get("/fib/20").body == "6765");
    CHECK(running(stack) == 1);
  }
  CHECK(eventually([&] { return running(stack) == 0; }));
}

TEST_CASE("a hang-up leaves a durable job alone and ends a transient one") {
  Stack stack(with_consumer());
  const auto submit = [&](const std::string& transient) {
    const std::string body = R"({"task": "hang", "transient": )" + transient + "}";
    HttpConnection client(stack.http_port());
    const int before = running(stack);
    client.send(post_bytes("Prefer: wait=60\r\nContent-Length: " + std::to_string(body.size()) + "\r\n", body));
    REQUIRE(eventually([&] { return running(stack) == before + 1; }));
  };
  submit("false");
  submit("true");
  CHECK(eventually([&] { return running(stack) == 1; }));
  CHECK(stack.get("/fib/10").body == "55");
  CHECK(running(stack) == 1);
}

TEST_CASE("while the broker is away requests are refused at once, and it recovers by itself") {
  StackOptions options = with_consumer();
  options.webfront = {"--liveness", "500ms"};
  options.broker = {"--liveness", "500ms"};
  Stack stack(options);
  CHECK(stack.get("/fib/10").body == "55");
  stack.kill_broker();
  REQUIRE(eventually([&] { return stack.get("/readyz", 60s).status == 503; }, 10s));
  const HttpReply away = stack.get("/fib/10");
  CHECK(away.status == 503);
  CHECK(away.has("retry-after"));
  CHECK(problem_document(away)["type"] == "urn:zebu:problem:broker_away");
  CHECK(stack.get("/fast").status == 200);
  stack.start_broker();
  CHECK(eventually([&] { return stack.get("/fib/10").body == "55"; }, 10s));
}

TEST_CASE("a waiting request fails when its job was lost with the broker, or when the broker stays away") {
  StackOptions options = with_consumer();
  options.webfront = {"--liveness", "500ms"};
  options.broker = {"--liveness", "500ms"};
  Stack stack(options);
  const auto wait_for_job = [&] {
    return std::async(std::launch::async, [&] { return http_get(stack.http_port(), "/fib/70", 30s); });
  };
  auto lost = wait_for_job();
  REQUIRE(eventually([&] { return running(stack) == 1; }));
  stack.restart_broker();
  const HttpReply reply = lost.get();
  CHECK(reply.status == 503);
  CHECK(problem_document(reply)["type"] == "urn:zebu:problem:job_lost");

  REQUIRE(eventually([&] { return stack.get("/readyz").status == 200; }, 10s));
  auto given_up = wait_for_job();
  REQUIRE(eventually([&] { return running(stack) >= 1; }));
  stack.kill_broker();
  CHECK(problem_document(given_up.get())["type"] == "urn:zebu:problem:broker_away");
}

TEST_CASE("told to stop, the front end finishes the running requests and exits") {
  Stack stack(with_consumer());
  HttpConnection idle(stack.http_port());
  idle.send(kFast);
  CHECK(idle.receive().status == 200);
  HttpConnection busy(stack.http_port());
  busy.send(
      post_bytes("Prefer: wait=30\r\nContent-Length: 31\r\n", R"({"task":"sleep","args":[3000]})" + std::string(" ")));
  REQUIRE(eventually([&] { return running(stack) == 1; }));
  stack.webfront().signal(SIGTERM);
  CHECK(idle.closes());
  const HttpReply reply = busy.receive();
  CHECK(reply.status == 200);
  CHECK(reply.header("connection") == "close");
  busy.close();
  CHECK(stack.webfront().wait_exit().code == 0);
}

TEST_CASE("requests that outlast the grace time are ended") {
  StackOptions options = with_consumer();
  options.webfront = {"--grace", "300ms"};
  Stack stack(options);
  HttpConnection busy(stack.http_port());
  busy.send("GET /fib/60 HTTP/1.1\r\nHost: x\r\n\r\n");
  REQUIRE(eventually([&] { return running(stack) == 1; }));
  stack.webfront().signal(SIGTERM);
  CHECK(stack.webfront().wait_exit().code == 0);
}

TEST_CASE("the exit code of --check says whether the front end serves") {
  Stack stack;
  const std::string address = "127.0.0.1:" + std::to_string(stack.http_port());
  CHECK(run({.command = {program("zebu-webfront"), "--listen", address, "--check"}}).exit.code == 0);
  stack.webfront().signal(SIGTERM);
  CHECK(stack.webfront().wait_exit().code == 0);
  const Finished after = run({.command = {program("zebu-webfront"), "--listen", address, "--check"}});
  CHECK(after.exit.code == 1);
  CHECK(after.err.find("is not healthy: Connection refused") != std::string::npos);
}
