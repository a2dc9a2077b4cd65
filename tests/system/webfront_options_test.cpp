#include "tests/support/catch.h"
#include "tests/support/eventually.h"
#include "tests/support/stack.h"

#include <nlohmann/json.hpp>

#include <future>

using namespace zebu::test;
using namespace std::chrono_literals;
using Json = nlohmann::json;

namespace {

Json job_at(const Stack& stack, const std::string& location) { return Json::parse(stack.get(location).body); }

std::string state_at(const Stack& stack, const std::string& location) { return job_at(stack, location)["state"]; }

// Without a consumer the front end is ready before it has found the broker.
bool finds_broker(const Stack& stack) {
  return eventually([&] { return stack.get("/v1/queues").status == 200; });
}

}  // namespace

TEST_CASE("the options of a job come through HTTP and are shown") {
  Stack stack(two_slots());
  const HttpReply accepted = stack.post("/v1/jobs", R"({"task": "about", "options": {"priority": 9, "retries": 2,
      "hard_limit_ms": 60000, "expires_in_ms": 3600000, "headers": {"tenant": "ox"}}})");
  REQUIRE(accepted.status == 202);
  const Json job = Json::parse(stack.get(accepted.header("location") + "?wait=10").body);
  CHECK(job["state"] == "succeeded");
  CHECK(job["priority"] == 9);
  CHECK(job["retries"] == 2);
  CHECK(job["headers"]["tenant"] == "ox");
  CHECK(job["result"]["headers"] == job["headers"]);
  CHECK(job["headers"].size() == 2);  // and its trace
  CHECK(job["result"]["left_ms"].is_number());
  CHECK(job["expires_ms"].is_number());
}

TEST_CASE("a delayed job is scheduled, and says when it is due") {
  Stack stack(two_slots());
  const HttpReply accepted =
      stack.post("/v1/jobs", R"({"task": "echo", "args": [1], "options": {"delay_ms": 600000}})");
  REQUIRE(accepted.status == 202);
  CHECK(Json::parse(accepted.body)["state"] == "scheduled");
  const Json job = job_at(stack, accepted.header("location"));
  CHECK(job["state"] == "scheduled");
  CHECK(job["due_ms"].get<std::int64_t>() == job["submitted_ms"].get<std::int64_t>() + 600'000);
}

TEST_CASE("a job that is not started in time expires") {
  Stack stack({.consumers = 0});
  REQUIRE(finds_broker(stack));
  const HttpReply accepted =
      stack.post("/v1/jobs", R"({"task": "echo", "args": [1], "options": {"expires_in_ms": 50}})");
  REQUIRE(accepted.status == 202);
  const HttpReply expired = stack.get(accepted.header("location") + "?wait=10");
  CHECK(expired.status == 200);
  CHECK(Json::parse(expired.body)["state"] == "expired");
}

TEST_CASE("equal calls run once, and repeated ones are answered from the store") {
  Stack stack(two_slots());
  auto first = std::async(std::launch::async, [&] { return stack.get("/fib/36?once=1"); });
  auto second = std::async(std::launch::async, [&] { return stack.get("/fib/36?once=1"); });
  CHECK(first.get().body == "14930352");
  CHECK(second.get().body == "14930352");
  CHECK(stack.get("/fib/36?once=60").body == "14930352");
  CHECK(stack.get("/fib/35?once=60").body == "9227465");
  CHECK(stack.get("/fib/36?once=86401").status == 400);
  CHECK(stack.get("/fib/36?once=x").status == 400);
}

TEST_CASE("a second job with a unique key is the first one") {
  Stack stack(two_slots());
  const std::string body = R"({"task": "sleep", "args": [60000], "options": {"unique": "k"}})";
  const HttpReply first = stack.post("/v1/jobs", body);
  REQUIRE(first.status == 202);
  REQUIRE(eventually([&] { return state_at(stack, first.header("location")) == "running"; }));
  const HttpReply second = stack.post("/v1/jobs", body);
  CHECK(second.status == 202);
  CHECK(second.header("location") == first.header("location"));
  CHECK(Json::parse(second.body)["state"] == "running");
  const HttpReply other = stack.post("/v1/jobs", R"({"task": "sleep", "args": [60000], "options": {"unique": "l"}})");
  CHECK(other.header("location") != first.header("location"));
}

TEST_CASE("a client that hangs up leaves a shared job to the others") {
  Stack stack(two_slots());
  const std::string body = R"({"task": "sleep", "args": [700], "options": {"transient": true, "unique": "k"}})";
  auto patient = std::async(std::launch::async, [&] { return stack.post("/v1/jobs", body, {{"Prefer", "wait=20"}}); });
  CHECK(stack.post("/v1/jobs", body, {{"Prefer", "wait=0"}}).status == 202);
  const HttpReply done = patient.get();
  CHECK(done.status == 200);
  CHECK(Json::parse(done.body)["result"] == 700);
}

TEST_CASE("a running job's progress is in its resource") {
  Stack stack(two_slots());
  const HttpReply accepted = stack.post("/v1/jobs", R"({"task": "deaf", "args": [3000]})");
  REQUIRE(accepted.status == 202);
  REQUIRE(eventually([&] { return job_at(stack, accepted.header("location"))["progress"].is_object(); }));
  CHECK(job_at(stack, accepted.header("location"))["progress"]["note"] == "deaf");
}

TEST_CASE("a full queue is 429 with Retry-After") {
  Stack stack({.broker = {"--transient-limit", "1"}, .consumers = 0});
  REQUIRE(finds_broker(stack));
  const std::string body = R"({"task": "echo", "args": [1], "options": {"transient": true}})";
  CHECK(stack.post("/v1/jobs", body).status == 202);
  const HttpReply full = stack.post("/v1/jobs", body);
  CHECK(full.status == 429);
  CHECK(full.has("retry-after"));
}

TEST_CASE("a job is in the trace of the request that submitted it") {
  const Stack stack(two_slots());
  const std::string trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  const auto trace_of_job = [&](const HttpReply& reply) {
    const std::string id = Json::parse(reply.body)["id"];
    return Json::parse(stack.get("/v1/jobs/" + id).body)["headers"].value("traceparent", "");
  };
  const std::string about = R"({"task": "about"})";
  const HttpReply given = stack.post("/v1/jobs", about, {{"traceparent", trace}, {"Prefer", "wait=20"}});
  CHECK(given.header("traceparent") == trace);
  CHECK(trace_of_job(given) == trace);
  // The task has it too.
  CHECK(Json::parse(given.body)["result"]["headers"]["traceparent"] == trace);
  const std::string unlike = std::string(55, '0');
  for (const HttpHeaders& headers : {HttpHeaders{}, HttpHeaders{{"traceparent", unlike}}}) {
    const HttpReply fresh = stack.post("/v1/jobs", about, headers);
    CHECK(fresh.status == 202);
    CHECK(fresh.header("traceparent").size() == 55);
    CHECK(fresh.header("traceparent") != unlike);
    CHECK(trace_of_job(fresh) == fresh.header("traceparent"));
  }
  const std::string other = "00-" + std::string(32, 'a') + "-" + std::string(16, 'b') + "-00";
  const HttpReply own =
      stack.post("/v1/jobs", R"({"task": "about", "options": {"headers": {"traceparent": ")" + other + "\"}}}",
                 {{"traceparent", trace}});
  CHECK(own.header("traceparent") == other);
  CHECK(trace_of_job(own) == other);
  // With a key the trace is no part of what makes two requests the same.
  const HttpReply once = stack.post("/v1/jobs", about, {{"traceparent", trace}, {"Idempotency-Key", "k"}});
  const HttpReply again = stack.post("/v1/jobs", about, {{"Idempotency-Key", "k"}});
  CHECK(again.status == 202);
  CHECK(Json::parse(once.body)["id"] == Json::parse(again.body)["id"]);
  CHECK(trace_of_job(again) == trace);
  CHECK(once.header("traceparent") == trace);
  CHECK_FALSE(again.has("traceparent"));
  for (const char* prefer : {"respond-async", "wait=20"}) {
    const HttpReply batch =
        http(stack.http_port(),
             {"POST",
              "/v1/jobs",
              {{"content-type", "application/x-ndjson"}, {"traceparent", trace}, {"prefer", prefer}},
              about + "\n"},
             20s);
    CHECK(batch.header("traceparent") == trace);
    CHECK(trace_of_job(batch) == trace);
  }
}
