#include "tests/support/catch.h"
#include "tests/support/eventually.h"
#include "tests/support/http_jobs.h"
#include "tests/support/stack.h"

#include <nlohmann/json.hpp>

#include <csignal>

// What operators do over HTTP. Stack checks every answer against webfront/openapi.json.
using namespace zebu::test;
using namespace std::chrono_literals;
using Json = nlohmann::json;

namespace {

Json json_of(const HttpReply& reply) { return Json::parse(reply.body); }

std::string submit(const Stack& stack, const std::string& job) {
  const HttpReply reply = stack.post("/v1/jobs", job);
  REQUIRE(reply.status == 202);
  return json_of(reply)["id"];
}

std::string submit_failed(const Stack& stack, const std::string& more = "") {
  const std::string id = submit(stack, R"({"task": "fail", "args": ["boo"])" + more + "}");
  REQUIRE(json_of(stack.get("/v1/jobs/" + id + "?wait=20"))["state"] == "failed");
  return id;
}

std::string state_of(const Stack& stack, const std::string& id) {
  return json_of(stack.get("/v1/jobs/" + id))["state"];
}

// A POST without a body.
HttpReply post(const Stack& stack, const std::string& target, HttpHeaders headers = {}) {
  headers.emplace("Content-Length", "0");
  return http(stack.http_port(), {.method = "POST", .target = target, .headers = std::move(headers), .body = {}}, 20s);
}

}  // namespace

TEST_CASE("jobs are listed by state, queue and task, page by page") {
  const Stack stack(two_slots());
  std::vector<std::string> ids;
  for (int i = 0; i < 3; ++i) ids.push_back(submit(stack, R"({"task": "echo", "queue": "cold", "args": [1]})"));
  const std::string failed = submit_failed(stack);
  const Json all = json_of(stack.get("/v1/jobs?queue=cold"));
  REQUIRE(all["jobs"].size() == 3);
  CHECK(all["jobs"][0]["id"] == ids[2]);
  CHECK(all["next"].is_null());
  const Json first = json_of(stack.get("/v1/jobs?queue=cold&limit=2"));
  REQUIRE(first["jobs"].size() == 2);
  const Json second = json_of(stack.get("/v1/jobs?queue=cold&limit=2&after=" + first["next"].get<std::string>()));
  REQUIRE(second["jobs"].size() == 1);
  CHECK(second["jobs"][0]["id"] == ids[0]);
  const Json failures = json_of(stack.get("/v1/jobs?state=failed&task=fail"));
  REQUIRE(failures["jobs"].size() == 1);
  CHECK(failures["jobs"][0]["id"] == failed);
  for (const char* wrong : {"/v1/jobs?state=tired", "/v1/jobs?queue=a%20b", "/v1/jobs?limit=0", "/v1/jobs?sate=failed",
                            "/v1/queues?state=failed"}) {
    INFO(wrong);
    CHECK(stack.get(wrong).status == 400);
  }
}

TEST_CASE("a job is cancelled, whether it waits, runs or has ended") {
  const Stack stack(two_slots());
  const std::string waits = submit(stack, R"({"task": "echo", "queue": "cold"})");
  const HttpReply waiting = stack.post("/v1/jobs/" + waits + "/cancel", "");
  CHECK(waiting.status == 200);
  CHECK(json_of(waiting)["state"] == "cancelled");
  const std::string runs = submit(stack, kSleep);
  REQUIRE(eventually([&] { return state_of(stack, runs) == "running"; }));
  const HttpReply running = stack.post("/v1/jobs/" + runs + "/cancel", "", {{"Prefer", "wait=20"}});
  CHECK(running.status == 200);
  CHECK(running.header("preference-applied") == "wait=20");
  CHECK(json_of(running)["state"] == "cancelled");
  CHECK(json_of(stack.post("/v1/jobs/" + runs + "/cancel", ""))["state"] == "cancelled");
  CHECK(problem_of(stack.post("/v1/jobs/" + kUnknown + "/cancel", "")) == "unknown_job");
  CHECK(stack.post("/v1/jobs/7/cancel", "").status == 400);
  CHECK(stack.post("/v1/jobs/" + runs + "/cancel", "{}").status == 400);
}

TEST_CASE("a cancellation that the consumer has not confirmed is 202") {
  Stack stack(two_slots());
  const std::string id = submit(stack, kSleep);
  REQUIRE(eventually([&] { return state_of(stack, id) == "running"; }));
  stack.consumer(0).signal(SIGSTOP);
  const HttpReply reply = stack.post("/v1/jobs/" + id + "/cancel", "", {{"Prefer", "wait=0"}});
  stack.consumer(0).signal(SIGCONT);
  CHECK(reply.status == 202);
  CHECK(json_of(reply)["state"] == "running");
  CHECK(eventually([&] { return state_of(stack, id) == "cancelled"; }, 20s));
}

TEST_CASE("failed jobs are retried, one by its id and many by a filter") {
  const Stack stack(two_slots());
  const std::string failed = submit_failed(stack);
  const HttpReply retried = stack.post("/v1/jobs/" + failed + "/retry", "");
  REQUIRE(retried.status == 202);
  const std::string fresh = json_of(retried)["id"];
  CHECK(json_of(retried)["retry_of"] == failed);
  CHECK(retried.header("location") == "/v1/jobs/" + fresh);
  CHECK(json_of(stack.get("/v1/jobs/" + fresh + "?wait=20"))["state"] == "failed");
  CHECK(problem_of(stack.post("/v1/jobs/" + failed + "/retry", "")) == "unknown_job");
  const std::string done = submit(stack, R"({"task": "echo", "args": [1]})");
  REQUIRE(json_of(stack.get("/v1/jobs/" + done + "?wait=20"))["state"] == "succeeded");
  CHECK(problem_of(stack.post("/v1/jobs/" + done + "/retry", "")) == "not_failed");

  submit_failed(stack);
  CHECK(json_of(stack.post("/v1/jobs/retry", R"({"task": "other"})"))["retried"] == 0);
  CHECK(json_of(stack.post("/v1/jobs/retry", R"({"queue": "default", "task": "fail"})"))["retried"] == 2);
  for (const char* wrong : {"", "{}", R"({"queue": 1})", R"({"quue": "default"})", R"({"queue": "a b"})", "[]", "{"}) {
    INFO(wrong);
    CHECK(stack.post("/v1/jobs/retry", wrong).status == 400);
  }
}

TEST_CASE("a queue is paused, shown, resumed and purged") {
  const Stack stack(two_slots());
  CHECK(json_of(stack.post("/v1/queues/default/pause", R"({"reason": "the disk"})"))["paused"] == 1);
  for (int i = 0; i < 2; ++i) submit(stack, R"({"task": "echo", "args": [1]})");
  const Json queue = json_of(stack.get("/v1/queues/default"));
  CHECK(queue["paused"] == true);
  CHECK(queue["reason"] == "the disk");
  CHECK(queue["queued"] == 2);
  CHECK(json_of(stack.get("/v1/queues/default/backlog")) ==
        Json{{"backlog", 2}, {"queued", 2}, {"scheduled", 0}, {"running", 0}});
  CHECK(json_of(stack.post("/v1/queues/default/purge", ""))["purged"] == 2);
  CHECK(json_of(stack.post("/v1/queues/default/resume", ""))["resumed"] == 1);
  CHECK(json_of(stack.post("/v1/queues/default/resume", "{}"))["resumed"] == 0);
  submit_failed(stack);
  CHECK(json_of(stack.post("/v1/queues/default/purge", R"({"state": "failed"})"))["purged"] == 1);

  CHECK(problem_of(stack.get("/v1/queues/nosuch")) == "unknown_queue");
  CHECK(json_of(stack.get("/v1/queues/nosuch/backlog"))["backlog"] == 0);
  CHECK(problem_of(stack.post("/v1/queues/nosuch/purge", "")) == "unknown_queue");
  CHECK(stack.get("/v1/queues/a%20b").status == 400);
  CHECK(stack.post("/v1/queues/default/purge", R"({"state": "running"})").status == 400);
  CHECK(stack.post("/v1/queues/default/resume", R"({"reason": "x"})").status == 400);
  CHECK(stack.post("/v1/queues/default/pause", R"({"reason": ")" + std::string(1025, 'x') + "\"}").status == 400);
  CHECK(stack.post("/v1/queues/default/pause", "{}", {{"Content-Type", "text/plain"}}).status == 400);
}

TEST_CASE("consumers are found by name and by instance, and drained") {
  Stack stack({.consumers = 2});
  const Json named = json_of(stack.get("/v1/consumers/consumer-1"));
  REQUIRE(named["consumers"].size() == 1);
  CHECK(named["consumers"][0]["name"] == "consumer-1");
  const std::string instance = named["consumers"][0]["instance"];
  const Json by_instance = json_of(stack.get("/v1/consumers/" + instance));
  REQUIRE(by_instance["consumers"].size() == 1);
  CHECK(by_instance["consumers"][0]["instance"] == instance);
  CHECK(problem_of(stack.get("/v1/consumers/nosuch")) == "unknown_consumer");
  CHECK(problem_of(stack.post("/v1/consumers/nosuch/drain", "")) == "unknown_consumer");
  CHECK(json_of(stack.post("/v1/consumers/consumer-1/drain", ""))["drained"] == 1);
  CHECK(stack.consumer(1).wait_exit().code == 0);
}

TEST_CASE("readiness may be asked for one queue") {
  const Stack stack;
  CHECK(stack.get("/readyz?queue=default").status == 200);
  const HttpReply other = stack.get("/readyz?queue=reports");
  CHECK(other.status == 503);
  CHECK(problem_of(other) == "no_consumer");
  CHECK(stack.get("/readyz?queue=a%20b").status == 400);
  CHECK(stack.get("/readyz?quue=default").status == 400);
}

TEST_CASE("a command without a body needs no Content-Type, and one of another site's page is refused") {
  const Stack stack;
  CHECK(post(stack, "/v1/queues/default/resume").status == 200);
  CHECK(post(stack, "/v1/queues/default/pause", {{"Sec-Fetch-Site", "cross-site"}}).status == 403);
  CHECK(json_of(stack.get("/v1/queues/default"))["paused"] == false);
}

TEST_CASE("a submission with a key is one job, however often it comes") {
  Stack stack(two_slots());
  const HttpHeaders key = {{"Idempotency-Key", "\"order 1234\""}};
  const std::string body = R"({"task": "echo", "args": [1]})";
  const HttpReply first = stack.post("/v1/jobs", body, key);
  REQUIRE(first.status == 202);
  const HttpReply again = stack.post("/v1/jobs", body, key);
  CHECK(again.status == 202);
  CHECK(again.header("location") == first.header("location"));
  HttpHeaders waiting = key;
  waiting.emplace("Prefer", "wait=20");
  const HttpReply done = stack.post("/v1/jobs", body, waiting);
  CHECK(done.status == 200);
  CHECK(json_of(done)["result"] == 1);
  stack.restart_broker();
  REQUIRE(eventually([&] { return stack.get("/readyz").status == 200; }, 20s));
  const HttpReply later = stack.post("/v1/jobs", body, key);
  CHECK(later.status == 202);
  CHECK(json_of(later)["state"] == "succeeded");
  CHECK(json_of(stack.get("/v1/jobs"))["jobs"].size() == 1);

  const HttpReply other = stack.post("/v1/jobs", R"({"task": "echo", "args": [2]})", key);
  CHECK(other.status == 422);
  CHECK(problem_of(other) == "key_reused");
  CHECK(stack.post("/v1/jobs", body, {{"Idempotency-Key", "two words"}}).status == 400);
}

TEST_CASE("the id of a submission whose fate is unknown is the key to repeat it with") {
  Stack stack(two_slots());
  const std::string body = R"({"task": "echo", "args": [1]})";
  stack.broker().signal(SIGSTOP);
  const HttpReply unknown = stack.post("/v1/jobs", body, {{"Prefer", "wait=1"}});
  stack.broker().signal(SIGCONT);
  REQUIRE(unknown.status == 504);
  const std::string id = json_of(unknown)["id"];
  const HttpReply again = stack.post("/v1/jobs", body, {{"Prefer", "wait=20"}, {"Idempotency-Key", id}});
  CHECK(again.status == 200);
  CHECK(json_of(again)["id"] == id);
  CHECK(json_of(stack.get("/v1/jobs"))["jobs"].size() == 1);
}
