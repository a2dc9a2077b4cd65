#include "tests/support/catch.h"
#include "webfront/json.h"

#include <nlohmann/json.hpp>

#include <array>

namespace json = zebu::webfront::json;
using namespace zebu;
using Json = nlohmann::json;

namespace {

constexpr std::array<std::string_view, 4> kAll{"queue", "task", "state", "reason"};

std::string packed(const Json& value) {
  const auto bytes = Json::to_msgpack(value);
  return {bytes.begin(), bytes.end()};
}

std::string wrong_params(const std::string& body) {
  const auto params = json::parse_params(body, kAll);
  REQUIRE_FALSE(params);
  return params.error().message;
}

const Json kQueue = {{"name", "q"}, {"queued", 12}, {"scheduled", 3}, {"running", 2}, {"consumers", 1}};

}  // namespace

TEST_CASE("a command's body has the members that the command takes") {
  const auto params = json::parse_params(R"({"queue": "q", "task": "t", "state": "failed", "reason": "r"})", kAll);
  REQUIRE(params);
  CHECK(params->queue == "q");
  CHECK(params->task == "t");
  CHECK(params->state == JobState::failed);
  CHECK(params->reason == "r");
  CHECK(json::parse_params("{}", {}));
}

TEST_CASE("a command's body with a mistake is refused, and the message says which") {
  CHECK(wrong_params("[]") == "the body must be a JSON object");
  CHECK(wrong_params(R"({"quue": "q"})") == "unknown member \"quue\": it takes queue and task and state and reason");
  CHECK(wrong_params(R"({"queue": 7})") == "\"queue\" must be a string");
  CHECK(wrong_params(R"({"queue": "a b"})") == "\"queue\" must be a name of 1 to 128 bytes without spaces");
  CHECK(wrong_params(R"({"state": "running"})") == "\"state\" must be queued or failed");
  CHECK(wrong_params("{\"reason\": \"" + std::string(1025, 'x') + "\"}") == "\"reason\" has more than 1024 bytes");
  CHECK(wrong_params("{\"queue\"").find("malformed JSON") == 0);
  CHECK(json::parse_params(R"({"queue": "q"})", {}).error().message == "unknown member \"queue\": it takes none");
}

TEST_CASE("a queue's numbers are those of the first queue of the page, or 0") {
  const auto counts = json::queue_counts(packed({{"queues", Json::array({kQueue})}, {"next", nullptr}}));
  REQUIRE(counts);
  CHECK(counts->consumers == 1);
  CHECK(Json::parse(json::backlog_body(*counts)) ==
        Json{{"backlog", 14}, {"queued", 12}, {"scheduled", 3}, {"running", 2}});
  CHECK(json::queue_counts(packed({{"queues", Json::array()}}))->consumers == 0);
  for (const Json& answer : {Json(7), Json::object(), Json{{"queues", 7}}, Json{{"queues", Json::array({7})}},
                             Json{{"queues", Json::array({Json{{"queued", "many"}}})}}}) {
    INFO(answer);
    CHECK_FALSE(json::queue_counts(packed(answer)));
  }
}

TEST_CASE("the first entry of a page, if it has one") {
  CHECK(Json::parse(json::first_of_page(packed({{"queues", Json::array({kQueue})}}), "queues")->value()) == kQueue);
  CHECK_FALSE(json::first_of_page(packed({{"queues", Json::array()}}), "queues")->has_value());
  CHECK_FALSE(json::first_of_page(packed({{"queues", 7}}), "queues"));
}

TEST_CASE("the new job of a retry, if there is one") {
  const Uuid old = Uuid::make();
  const Uuid fresh = Uuid::make();
  const Json pair = {old.to_string(), fresh.to_string()};
  CHECK(json::retried_job(packed({{"retried", 1}, {"jobs", Json::array({pair})}}))->value() == fresh);
  CHECK_FALSE(json::retried_job(packed({{"retried", 0}, {"jobs", Json::array()}}))->has_value());
  CHECK_FALSE(json::retried_job(packed({{"retried", 1}, {"jobs", Json::array({7})}})));
  CHECK(Json::parse(json::retried_body(fresh, old))["retry_of"] == old.to_string());
}

TEST_CASE("a job's header is found in the answer about it") {
  const Json job = {{"id", "x"}, {"headers", {{"zebu-body", "mark"}}}};
  CHECK(json::header_of_job(packed(Json::array({job})), "zebu-body") == "mark");
  CHECK(json::header_of_job(packed(Json::array({job})), "other") == "");
  CHECK_FALSE(json::header_of_job(packed(Json::array({nullptr})), "zebu-body"));
  CHECK_FALSE(json::header_of_job(packed(Json::array()), "zebu-body"));
}
