#include "tests/support/catch.h"
#include "webfront/json.h"
#include "zebu/convert.h"

#include <nlohmann/json.hpp>

#include <map>

namespace json = zebu::webfront::json;
using namespace zebu;
using namespace std::chrono_literals;

namespace {

std::string wrong_job(const std::string& body) {
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

TEST_CASE("a job's options are those of the wire, in JSON") {
  const auto job =
      json::parse_job(R"({"options": {"priority": 9, "retries": 3, "retry_delay_ms": 250, "retry_factor": 1.5,
    "retry_jitter": 1, "delay_ms": 5000, "expires_in_ms": 60000, "soft_limit_ms": 100, "hard_limit_ms": 200,
    "result_ttl_ms": 0, "unique": "k", "unique_for_ms": 10000, "headers": {"tenant": "ox"}},
    "task": "fib", "transient": true})");
  REQUIRE(job);
  JobOptions options;
  options.transient = true;
  options.priority = 9;
  options.retry.max = 3;
  options.retry.delay = 250ms;
  options.retry.factor = 1.5;
  options.retry.jitter = 1;
  options.delay = 5s;
  options.expires_in = 60s;
  options.soft_limit = 100ms;
  options.hard_limit = 200ms;
  options.result_ttl = 0ms;
  options.unique = "k";
  options.unique_for = 10s;
  options.headers = {{"tenant", "ox"}};
  CHECK(job->options == options);
  CHECK(json::parse_job(R"({"task": "fib", "transient": true, "options": {}})")->options.transient);
  CHECK(json::parse_job(R"({"task": "fib", "options": {"acks": "early", "transient": true}})")->options.acks_early);
}

TEST_CASE("a unique key may be made of the task and its arguments") {
  const auto job = json::parse_job(R"({"options": {"unique_by_args": true}, "task": "fib", "args": [35]})");
  REQUIRE(job);
  CHECK(job->options.unique == unique_key_of("fib", pack_args(35)));
  CHECK(json::parse_job(R"({"options": {"unique_by_args": false}, "task": "fib"})")->options.unique.empty());
}

TEST_CASE("an option that is unknown, out of bounds or contradicts another one is refused with the reason") {
  const auto with = [](const std::string& options) {
    return wrong_job(R"({"task": "a", "options": )" + options + "}");
  };
  CHECK(with("[]") == "\"options\" must be an object");
  CHECK(with(R"({"colour": 1})") == "options: unknown job option 'colour'");
  CHECK(with(R"({"priority": 10})") == "options: priority must be an integer from 0 to 9");
  CHECK(with(R"({"delay_ms": -1})") == "options: delay_ms must be an integer from 0 to 2147483648000");
  CHECK(with(R"({"delay_ms": 1.5})") == "options: delay_ms must be an integer from 0 to 2147483648000");
  CHECK(with(R"({"retry_factor": "2"})") == "options: retry_factor must be a number from 1 to 100");
  CHECK(with(R"({"headers": {"a": 1}})") == "options: a header's value must be a string");
  CHECK(with(R"({"headers": {"a": [[[[[[[[1]]]]]]]]}})").starts_with("options: "));
  CHECK(with(R"({"unique": ""})") == "options: unique cannot be empty: leave it out for no key");
  CHECK(with(R"({"unique_by_args": 1})") == "options: unique_by_args must be true or false");
  CHECK(with(R"({"unique_by_args": true, "unique": "k"})") == "options: give unique or unique_by_args, not both");
  CHECK(with(R"({"acks": "early", "retries": 1})").starts_with("options: acks early runs at most once"));
  CHECK(with(R"({"delay_ms": 1, "run_at_ms": 1})").starts_with("options: give a delay or a time to run at"));
}

TEST_CASE("a job's body needs its task only") {
  const auto job = json::parse_job(R"({"task": "fib"})");
  REQUIRE(job);
  CHECK(job->args == pack_args());
  CHECK(job->queue == kDefaultQueue);
  CHECK_FALSE(job->options.transient);
}

TEST_CASE("a wrong body is refused with the reason") {
  CHECK(wrong_job("{\"task\": x}") == "malformed JSON at byte 10 of the body");
  CHECK(wrong_job("[]") == "the body must be a JSON object");
  CHECK(wrong_job("{}") == "\"task\" is missing");
  CHECK(wrong_job(R"({"task": "fib", "arg": 1})").starts_with("unknown key \"arg\""));
  CHECK(wrong_job(R"({"task": 3})") == "\"task\" must be a string");
  CHECK(wrong_job(R"({"task": "a b"})").starts_with("\"task\" must be a name"));
  CHECK(wrong_job(R"({"task": "a", "args": {}})").starts_with("\"args\" must be an array"));
  CHECK(wrong_job(R"({"task": "a", "transient": 1})") == "\"transient\" must be true or false");
}

TEST_CASE("a body that nests too deep is refused, however deep") {
  const std::string deep(500'000, '[');
  CHECK(wrong_job("{\"task\": \"a\", \"args\": " + deep) == "a member of the body nests more than 64 levels deep");
}

TEST_CASE("arguments may nest 64 levels deep") {
  const auto body = [](std::size_t levels) {
    return R"({"task": "a", "args": )" + std::string(levels, '[') + std::string(levels, ']') + "}";
  };
  CHECK(json::parse_job(body(64)));
  CHECK(wrong_job(body(65)) == "a member of the body nests more than 64 levels deep");
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
  outcome.error = {"zebu::Crash", "SIGSEGV", {}, ErrorKind::crash};
  CHECK(nlohmann::json::parse(json::outcome_body(id, outcome))["error"]["kind"] == "crash");
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

TEST_CASE("a page of a list is shown as it is, and the consumers are counted in what the broker says of itself") {
  const auto packed = [](const nlohmann::json& value) {
    const auto bytes = nlohmann::json::to_msgpack(value);
    return std::string(bytes.begin(), bytes.end());
  };
  const nlohmann::json page{{"queues", {{{"name", "a"}}}}, {"next", "a"}};
  CHECK(nlohmann::json::parse(json::object(packed(page)).value()) == page);
  CHECK_FALSE(json::object("\x90"));
  CHECK(json::consumer_count(packed({{"clients", 1}, {"consumers", 7}})) == 7U);
  CHECK_FALSE(json::consumer_count(packed({{"clients", 1}})));
  CHECK_FALSE(json::consumer_count("\xc0"));
}

TEST_CASE("of a job's arguments the keys are in order, and of equal keys the last counts") {
  const auto job = json::parse_job(R"({"task": "a", "kwargs": {"b": 1, "a": {"z": [], "y": 2, "z": 3}, "b": 4}})");
  REQUIRE(job);
  CHECK(job->kwargs ==
        "\x82\xa1"
        "a"
        "\x82\xa1y\x02\xa1z\x03\xa1"
        "b\x04");
  CHECK(json::parse_job(R"({"task": "a", "kwargs": {}})")->kwargs.empty());
  CHECK(json::parse_job(R"({"task": "b", "task": "a"})")->task == "a");
}

TEST_CASE("numbers of a body keep their value, or the body is refused") {
  const auto args = [](const std::string& list) { return json::parse_job(R"({"task": "a", "args": )" + list + "}"); };
  CHECK(args("[1.0]").value().args == std::string("\x91\xcb\x3f\xf0\0\0\0\0\0\0", 10));
  CHECK(args("[-0.0]").value().args == std::string("\x91\xcb\x80\0\0\0\0\0\0\0", 10));
  CHECK(args("[18446744073709551615]").value().args == "\x91\xcf\xff\xff\xff\xff\xff\xff\xff\xff");
  CHECK(args(R"([{"a": 18446744073709551616}])").error().message ==
        "the integer 18446744073709551616 does not fit 64 bits: the range is -9223372036854775808 to "
        "18446744073709551615");
}
