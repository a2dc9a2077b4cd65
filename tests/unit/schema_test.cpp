#include "tests/support/schema.h"

#include "tests/support/catch.h"

using namespace zebu::test;
using Json = nlohmann::json;

namespace {

const Json kCowDocument = Json::parse(R"({"components": {"schemas": {"Cow": {
    "type": "object", "required": ["name"], "additionalProperties": false, "properties": {
      "name": {"type": "string"},
      "legs": {"type": ["integer", "null"], "minimum": 0, "maximum": 4},
      "kind": {"enum": ["zebu", "ox", null]},
      "calves": {"type": "array", "items": {"$ref": "#/components/schemas/Cow"}},
      "tags": {"type": "object", "additionalProperties": {"type": "string"}},
      "owner": {"anyOf": [{"type": "string"}, {"type": "boolean"}]}}}}}})");

bool is_cow(const std::string& value) {
  return !why_not_valid(Json::parse(value), {{"$ref", "#/components/schemas/Cow"}}, kCowDocument);
}

HttpReply reply_with(int status, const std::string& type, const std::string& body) {
  return {status, {{"content-type", type}}, body};
}

}  // namespace

TEST_CASE("a value that its schema describes is valid") {
  CHECK(is_cow(R"({"name": "a"})"));
  CHECK(is_cow(
      R"({"name": "a", "legs": 4, "kind": "ox", "calves": [{"name": "b"}], "tags": {"x": "y"}, "owner": true})"));
  CHECK(is_cow(R"({"name": "a", "legs": null, "kind": null})"));
}

TEST_CASE("a value that differs from its schema in one thing is not valid") {
  for (const char* value :
       {R"({})", R"(["a"])", R"({"name": 1})", R"({"name": "a", "wings": 2})", R"({"name": "a", "legs": 5})",
        R"({"name": "a", "legs": 1.5})", R"({"name": "a", "kind": "horse"})", R"({"name": "a", "calves": [{}]})",
        R"({"name": "a", "tags": {"x": 1}})", R"({"name": "a", "owner": 1})"}) {
    INFO(value);
    CHECK_FALSE(is_cow(value));
  }
}

TEST_CASE("a keyword that the validator does not know is an error") {
  CHECK_THROWS(why_not_valid(1, {{"multipleOf", 2}}, kCowDocument));
}

TEST_CASE("a planted wrong answer of the front end is found") {
  const std::string json = "application/json";
  const std::string good = R"({"backlog": 1, "queued": 1, "scheduled": 0, "running": 0})";
  const std::string target = "/v1/queues/default/backlog";
  CHECK_NOTHROW(check_against_openapi("GET", target, reply_with(200, json, good)));
  CHECK_THROWS(check_against_openapi("GET", target, reply_with(200, json, R"({"backlog": 1})")));
  CHECK_THROWS(check_against_openapi("GET", target, reply_with(201, json, good)));
  CHECK_THROWS(check_against_openapi("POST", target, reply_with(200, json, good)));
  CHECK_THROWS(check_against_openapi("GET", "/v1/nothing", reply_with(200, json, good)));
  CHECK_THROWS(check_against_openapi("GET", target, reply_with(500, "application/problem+json", R"({"title": "x"})")));
}
