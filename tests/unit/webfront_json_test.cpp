#include "json.h"
#include "support/catch.h"

#include <zebu/convert.h>

#include <nlohmann/json.hpp>

#include <map>

namespace json = zebu::webfront::json;
using namespace zebu;

namespace {

std::string wrong(const std::string& body) {
  const auto job = json::parse_job(body);
  REQUIRE_FALSE(job);
  return job.error().message;
}

}  // namespace

TEST_CASE("a job's body has task, args, queue and transient") {
  const auto job = json::parse_job(R"({"task": "fib", "args": [35, "x"], "queue": "q", "transient": true})");
  REQUIRE(job);
  CHECK(job->task == "fib");
  CHECK(job->args == pack_args(35, "x"));
  CHECK(job->queue == "q");
  CHECK(job->options.transient);
}

TEST_CASE("a job's body needs its task only") {
  const auto job = json::parse_job(R"({"task": "fib"})");
  REQUIRE(job);
  CHECK(job->args == pack_args());
  CHECK(job->queue == kDefaultQueue);
  CHECK_FALSE(job->options.transient);
}

TEST_CASE("a wrong body is told what is wrong") {
  CHECK(wrong("{\"task\": x}") == "malformed JSON at byte 10 of the body");
  CHECK(wrong("[]") == "the body must be a JSON object");
  CHECK(wrong("{}") == "\"task\" is missing");
  CHECK(wrong(R"({"task": "fib", "arg": 1})").starts_with("unknown key \"arg\""));
  CHECK(wrong(R"({"task": 3})") == "\"task\" must be a string");
  CHECK(wrong(R"({"task": "a b"})").starts_with("\"task\" must be a name"));
  CHECK(wrong(R"({"task": "a", "args": {}})").starts_with("\"args\" must be an array"));
  CHECK(wrong(R"({"task": "a", "transient": 1})") == "\"transient\" must be true or false");
}

TEST_CASE("a body that nests too deep is refused, however deep") {
  const std::string deep(500'000, '[');
  CHECK(wrong("{\"task\": \"a\", \"args\": " + deep) == "the JSON nests deeper than 64");
}

TEST_CASE("a result is shown as plain text") {
  CHECK(json::plain_text(pack_value(12200160415121876738U)) == "12200160415121876738");
  CHECK(json::plain_text(pack_value(std::string("hi"))) == "hi");
  CHECK(json::plain_text(pack_value(std::vector<int>{1, 2})) == "[1,2]");
}

TEST_CASE("a result that JSON cannot say is shown as the CLI shows it") {
  CHECK(json::plain_text(pack_value(std::map<int, int>{{1, 2}})) == R"({"1":2})");
  CHECK(json::plain_text(std::string(100'000, '\x91')).starts_with(R"({"$binary":"kZGR)"));
}

TEST_CASE("an outcome's body has its result or its error") {
  const JobId id = Uuid::make();
  Outcome outcome{JobState::succeeded, pack_value(55), {}, std::chrono::microseconds(7)};
  auto body = nlohmann::json::parse(json::outcome_body(id, outcome));
  CHECK(body == nlohmann::json{{"id", id.to_string()}, {"state", "succeeded"}, {"result", 55}, {"run_us", 7}});
  outcome = {JobState::failed, {}, {"T", "m \xff", {"f"}}, {}};
  body = nlohmann::json::parse(json::outcome_body(id, outcome));
  CHECK(body["error"] == nlohmann::json{{"type", "T"}, {"message", "m \xef\xbf\xbd"}, {"trace", {"f"}}});
}

TEST_CASE("a job's status is taken from the broker's answer") {
  nlohmann::json job{{"id", "i"}, {"state", "succeeded"}, {"run_us", 3}, {"error", nullptr}};
  const std::string result = pack_value(55);
  job["result"] = nlohmann::json::binary({result.begin(), result.end()});
  const auto packed = nlohmann::json::to_msgpack(nlohmann::json::array({job}));
  const auto status = json::job_status({reinterpret_cast<const char*>(packed.data()), packed.size()});
  REQUIRE(status);
  REQUIRE(*status);
  CHECK((*status)->state == JobState::succeeded);
  CHECK(nlohmann::json::parse((*status)->body) ==
        nlohmann::json{{"id", "i"}, {"state", "succeeded"}, {"run_us", 3}, {"result", 55}});
}

TEST_CASE("a job that the broker does not have has no status") {
  const auto status = json::job_status("\x91\xc0");
  REQUIRE(status);
  CHECK_FALSE(*status);
  CHECK_FALSE(json::job_status("\xc0"));
}
